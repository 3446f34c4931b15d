"""Says whether a consumer's own code runs on this computer, and how it is had otherwise."""

from __future__ import annotations

import shutil

from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment, find_environment


def environment_of(consumer: Consumer) -> Environment | None:
    """Find where what a consumer needs is; None where it is not here, or nothing is needed."""
    if not consumer.packages or _missing_programs(consumer):
        return None
    return find_environment(consumer.packages)


def why_not_here(consumer: Consumer, environment: Environment | None) -> str:
    """Say what is missing and how it is had; empty where nothing is."""
    missing = _missing_programs(consumer)
    if missing:
        return f"{', '.join(missing)} not found on the PATH; install it with the system's packages"
    if environment is not None or not consumer.packages:
        return ""
    needed = " ".join(consumer.packages)
    limit = f", Python {consumer.python} or older" if consumer.python else ""
    return f"not installed: {needed}{limit}; run strop consumers --install {consumer.name}"


def _missing_programs(consumer: Consumer) -> list[str]:
    return [name for name in consumer.programs if shutil.which(name) is None]
