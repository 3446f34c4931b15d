"""Reads figures that others published, to stand beside a table of boards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.errors import RecordError
from strop.runtime.records.record_format import RecordFormat

PUBLISHED = "published.json"  # in the folder of records
MAX_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigure:
    """A latency as its publisher states it.

    Attributes:
        network: What ran, in the publisher's words.
        by: The program that ran it.
        machine: On what.
        num_threads: Within one inference; None where it is not stated.
        ms: Milliseconds of one inference.
        note: What else was stated; may be empty.
        source: Where it stands.
    """

    network: str
    by: str
    machine: str
    num_threads: int | None
    ms: float
    note: str
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ms) and self.ms > 0):
            raise RecordError(f"{self.network} on {self.machine}: {self.ms} ms; needed is above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Figures of others, in the order in which they are shown."""

    figures: tuple[PublishedFigure, ...]


PUBLISHED_FORMAT = RecordFormat(
    Published,
    writer="a person",
    version=1,
    error=RecordError,
    remedy="write it as docs/evidence.md says",
)


def read_published(folder: Path) -> tuple[PublishedFigure, ...]:
    """Read the figures of others in a folder of records; none where it has no such file.

    Raises:
        RecordError: The file is damaged, or too large.
    """
    path = folder / PUBLISHED
    if path.is_symlink() or not path.exists():
        return ()
    return PUBLISHED_FORMAT.read(path, max_bytes=MAX_BYTES).figures
