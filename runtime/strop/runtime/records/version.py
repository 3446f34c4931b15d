"""The version of strop that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

UNKNOWN_VERSION = "unknown"


def installed_version() -> str:
    """The version of strop itself; UNKNOWN_VERSION in a source tree that was never installed."""
    try:
        return version("strop")
    except PackageNotFoundError:
        return UNKNOWN_VERSION
