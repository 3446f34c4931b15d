"""Writes and reads the time in records: UTC, whole seconds, "2026-01-31T12:00:00Z"."""

from __future__ import annotations

from datetime import datetime, timezone

from strop.runtime.errors import MeasurementError

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def timestamp(moment: datetime | None = None) -> str:
    """Write a moment as text; now, by this machine's clock, if none is given."""
    found = datetime.now(timezone.utc) if moment is None else moment.astimezone(timezone.utc)
    return found.strftime(FORMAT)


def moment_of(text: str) -> datetime:
    """Read the moment that `timestamp` wrote.

    Raises:
        MeasurementError: Another text.
    """
    try:
        return datetime.strptime(text, FORMAT).replace(tzinfo=timezone.utc)
    except ValueError as err:
        raise MeasurementError(
            f"created_at is {text[:40]!r}, needed is a time such as 2026-01-31T12:00:00Z"
        ) from err
