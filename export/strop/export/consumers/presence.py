"""Says whether a consumer's own code runs on this computer, and how it is had otherwise."""

from __future__ import annotations

import shutil

from strop.export.consumers.consumer import Consumer
from strop.export.consumers.environment import Environment, find_environment, install
from strop.export.consumers.npm_packages import find_npm_packages, install_npm_packages


def environment_of(consumer: Consumer) -> Environment | None:
    """Find where what a consumer needs is; None where it is not here, or nothing is needed."""
    if not needed_packages(consumer) or _missing_programs(consumer):
        return None
    if consumer.npm_packages:
        return find_npm_packages(consumer.npm_packages)
    return find_environment(consumer.packages)


def install_for(consumer: Consumer) -> None:
    """Fetch the packages that a consumer needs.

    Raises:
        ConsumerError: They cannot be fetched.
        OutputError: Another process is at it, or the cache folder cannot be written.
    """
    if consumer.npm_packages:
        install_npm_packages(consumer.npm_packages)
    else:
        install(consumer.packages, last_python=consumer.python)


def needed_packages(consumer: Consumer) -> tuple[str, ...]:
    """Return the packages that a consumer needs, as their installers write them."""
    return (*consumer.packages, *map(str, consumer.npm_packages))


def why_not_here(consumer: Consumer, environment: Environment | None) -> str:
    """Say what is missing and how it is had; empty where nothing is."""
    missing = _missing_programs(consumer)
    if missing:
        names = ", ".join(missing).replace("|", " or ")
        return f"{names} not found on the PATH; install it with the system's packages"
    needed = " ".join(needed_packages(consumer))
    if environment is not None or not needed:
        return ""
    limit = f", Python {consumer.python} or older" if consumer.python else ""
    return f"not installed: {needed}{limit}; run strop consumers --install {consumer.name}"


def _missing_programs(consumer: Consumer) -> list[str]:
    return [names for names in consumer.programs if not any(map(shutil.which, names.split("|")))]
