"""Looks up the version of strop that is installed."""

from __future__ import annotations

UNKNOWN_VERSION = "unknown"


def installed_version() -> str:
    """Look up strop's own version; UNKNOWN_VERSION in a source tree that was never installed."""
    # Not above: this import takes longer than most commands need before they ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("strop")
    except PackageNotFoundError:
        return UNKNOWN_VERSION
