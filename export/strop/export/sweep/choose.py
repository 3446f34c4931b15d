"""Chooses among a sweep's files: the Pareto front, those within the limits, and the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strop.export.sweep.entries import Entry

ESTIMATED = "energy of arithmetic"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits for a file's own p50 and share, not for the ends of their intervals.

    Attributes:
        max_latency_ms: None for any.
        min_accuracy: Share of right answers, as `Entry.measure` has it; None for any.
    """

    max_latency_ms: float | None = None
    min_accuracy: float | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return self.max_latency_ms is not None or self.min_accuracy is not None


def objectives(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Name what the front is of: energy is the measured one if it is known of all that was timed.

    An estimate of the arithmetic alone and what a meter told are in no common unit, so the front
    has one of them for all files.
    """
    is_measured = has_measured_energy(entries)
    return ("accuracy", "latency", "size", "energy" if is_measured else ESTIMATED)


def has_measured_energy(entries: Sequence[Entry]) -> bool:
    """Whether the energy of every file with a latency was measured, and there is one."""
    timed = [entry for entry in entries if entry.latency is not None]
    return bool(timed) and all(entry.measured_energy is not None for entry in timed)


def costs(entry: Entry, *, by_meter: bool = False) -> tuple[float | None, ...]:
    """Return the file's `objectives`, the less the better; None where one is not known."""
    measure, latency = entry.measure, entry.latency
    metered = None if entry.measured_energy is None else entry.measured_energy.mj
    return (
        None if measure is None else _rising(entry, measure),
        None if latency is None else latency.p50_ms,
        float(entry.result.size_bytes),
        metered if by_meter else entry.energy.arithmetic_uj,
    )


def _rising(entry: Entry, measure: float) -> float:
    """Return a figure that rises where the file is worse."""
    return measure if entry.words.is_error else -measure


def pareto_front(entries: Sequence[Entry]) -> frozenset[str]:
    """Find the names of the files that no other beats in one objective and equals in the rest.

    What is known of no file is left out of the comparison. A file of which something is not
    known that is known of others is not on the front: nobody can say.
    """
    by_meter = has_measured_energy(entries)
    table = {entry.name: costs(entry, by_meter=by_meter) for entry in entries}
    places = range(len(objectives(entries)))
    known = [i for i in places if any(row[i] is not None for row in table.values())]
    points = {
        name: tuple(value for i in known if (value := row[i]) is not None)
        for name, row in table.items()
    }
    whole = {name: point for name, point in points.items() if len(point) == len(known)}
    return frozenset(
        name
        for name, point in whole.items()
        if not any(_beats(other, point) for other in whole.values())
    )


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def excess(entry: Entry, limits: Limits) -> float | None:
    """Return by how much a file misses the limits, relative to them; 0 if it meets them.

    None where it cannot be said: what is limited was not measured.
    """
    total = 0.0
    if limits.max_latency_ms is not None:
        if entry.latency is None:
            return None
        total += max(0.0, entry.latency.p50_ms / limits.max_latency_ms - 1)
    if limits.min_accuracy is not None:
        if entry.measure is None or entry.words.is_error:
            return None
        total += max(0.0, limits.min_accuracy - entry.measure) / limits.min_accuracy
    return total


def best(entries: Sequence[Entry], limits: Limits) -> Entry | None:
    """Choose the file to take: of those that meet the limits, or else come nearest.

    Of several that meet them the most accurate, or the fastest if only the accuracy is
    limited; of equals the faster, then the smaller.

    Returns:
        None without limits, and where no file can be held against them.
    """
    missed = [(found, entry) for entry in entries if (found := excess(entry, limits)) is not None]
    if not missed or not limits.is_set:
        return None
    return min(missed, key=lambda each: (each[0], *_rank(each[1], limits)))[1]


def _rank(entry: Entry, limits: Limits) -> tuple[float, float, int]:
    accuracy = 0.0 if entry.measure is None else _rising(entry, entry.measure)
    latency = float("inf") if entry.latency is None else entry.latency.p50_ms
    first, second = (latency, accuracy) if limits.max_latency_ms is None else (accuracy, latency)
    return (first, second, entry.result.size_bytes)
