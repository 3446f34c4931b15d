"""Puts a file of a sweep into words: a row of the table, and the line that names the best."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from strop.export.sweep.choose import Limits, excess, objectives
from strop.export.sweep.entries import Entry, measures
from strop.export.sweep.record import MemberRecord
from strop.runtime.units import BYTES_PER_MIB, MILLION

NOT_CERTIFIED = "not certified"


def columns(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Name the columns of `cells`, the figures by the tasks of the files."""
    units = dict.fromkeys(entry.words.unit for entry in entries)
    return (
        "file",
        "M multiply-adds",
        "MiB",
        f"{measures(entries)} [95 %]",
        f"drop, {' / '.join(units)}",
        "agreement",
        "p50 ms [95 %]",
        "mJ [95 %]",
        "uJ",
        "front",
        "fits",
    )


def best_line(taken: Entry | None, limits: Limits) -> str:
    """Name the file to take, in one line."""
    if taken is None:
        return "nothing fits: of no file is all known that is limited"
    facts = [taken.name]
    if taken.latency is not None:
        about = "about " if taken.latency.is_predicted else ""
        facts.append(f"{about}{taken.latency.p50_ms:.3g} ms")
    if taken.measure is not None:
        facts.append(f"{taken.words.measure} {taken.measure:.3f}")
    if taken.result.not_certified:
        facts.append(NOT_CERTIFIED)
    how = "fits best" if excess(taken, limits) == 0 else "nothing fits; nearest"
    return f"{how}: {', '.join(facts)}"


def duration_line(records: Sequence[MemberRecord]) -> str | None:
    """Say in one line how long exports took; None where none was made."""
    seconds = [record.seconds for record in records if record.seconds is not None]
    if not seconds:
        return None
    return f"exports took {median(seconds):.0f} s (median), {sum(seconds):.0f} s in all"


def cells(entry: Entry, front: frozenset[str], limits: Limits) -> tuple[object, ...]:
    """Make a row of the table, by `columns`."""
    missed = excess(entry, limits) if limits.is_set else None
    is_known = entry.measure is not None or entry.words.is_error
    return (
        entry.name,
        f"{entry.counts.multiply_adds / MILLION:.1f}",
        f"{entry.result.size_bytes / BYTES_PER_MIB:.2f}",
        _accuracy(entry),
        f"{100 * entry.result.drop:+.2f}" if is_known else None,
        _agreement(entry),
        _latency(entry),
        _millijoules(entry),
        f"{entry.energy.arithmetic_uj:.3g}",
        "*" if entry.name in front else "",
        None if missed is None else ("yes" if missed == 0 else "no"),
    )


def front_line(entries: Sequence[Entry]) -> str:
    """Say in one line what the front is, and what the signs in the table mean."""
    named = ", ".join(objectives(entries))
    metered = any(entry.measured_energy is not None for entry in entries)
    return (
        f"front: no other file is as good in {named} and better in one of them; ~: predicted; uJ:"
        " energy of the multiply-adds of one image, an estimate, not a measurement"
        + ("; mJ: all that the power meter covers, for one image" if metered else "")
    )


def _millijoules(entry: Entry) -> str | None:
    found = entry.measured_energy
    if found is None:
        return None
    return f"{found.mj:.3g} [{found.interval_mj.low:.3g}, {found.interval_mj.high:.3g}]"


def _accuracy(entry: Entry) -> str | None:
    measure, interval = entry.measure, entry.result.top1_interval
    if measure is None:
        return None
    between = "" if interval is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
    return f"{measure:.3f}{between}"


def _agreement(entry: Entry) -> str | None:
    agreement = entry.result.agreement
    text = "" if agreement is None else f"{100 * agreement:.2f}"
    if not entry.result.not_certified:
        return text or None
    return f"{text} {NOT_CERTIFIED}".strip()


def not_certified(entries: Sequence[Entry]) -> str | None:
    """Say how many files are not certified, and why the first is not; None where all are."""
    doubted = [entry for entry in entries if entry.result.not_certified]
    if not doubted:
        return None
    first = doubted[0]
    return (
        f"{NOT_CERTIFIED}: {len(doubted)} of {len(entries)} files; {first.name}:"
        f" {first.result.not_certified}"
    )


def _latency(entry: Entry) -> str | None:
    found = entry.latency
    if found is None:
        return None
    if found.is_predicted:
        return f"~{found.p50_ms:.3g}"
    if found.interval_ms is None:
        return f"{found.p50_ms:.3g}"
    return f"{found.p50_ms:.3g} [{found.interval_ms.low:.3g}, {found.interval_ms.high:.3g}]"
