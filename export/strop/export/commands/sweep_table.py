"""How `strop sweep` says what came out: a table, what failed, and the file to take."""

from __future__ import annotations

from strop import console
from strop.export.sweep.choose import OBJECTIVES, Limits, best, excess, pareto_front
from strop.export.sweep.entries import Entry
from strop.export.sweep.latency_model import LEAST_MEASURED
from strop.export.sweep.sweep import Sweep

MILLION = 1_000_000
MIB = 1 << 20
COLUMNS = (
    *("file", "M multiply-adds", "MiB", "top-1 [95 %]", "drop, points", "agreement"),
    *("p50 ms [95 %]", "uJ", "front", "fits"),
)


def print_sweep(found: Sweep, limits: Limits) -> None:
    """Print the table to stdout, and to stderr what it leaves open."""
    front = pareto_front(found.entries)
    rows = [cells(entry, front, limits) for entry in found.entries]
    # A column in which nothing is known says nothing.
    shown = [i for i in range(len(COLUMNS)) if any(row[i] is not None for row in rows)]
    if rows:
        console.table([COLUMNS[i] for i in shown], [[row[i] for i in shown] for row in rows])
    console.note(
        f"front: no other file is as good in {', '.join(OBJECTIVES)} and better in one of them;"
        " ~: predicted; uJ: energy of the multiply-adds of one image, an estimate"
    )
    _note_models(found)
    _note_open(found)
    if limits.is_set:
        console.note(told(best(found.entries, limits), limits))


def _note_models(found: Sweep) -> None:
    """Say how far predictions can be trusted."""
    for model in found.models:
        console.note(
            f"{model.precision.value} .{model.format}: latency predicted from"
            f" {len(model.measured)} measured files; one that was held out is missed by"
            f" {model.median_rel_error:.0%}, {model.worst_rel_error:.0%} at worst"
        )
    open_files = [
        entry.name
        for entry in found.entries
        if entry.latency is None and entry.latency_error is None
    ]
    if open_files:
        console.note(
            f"{len(open_files)} files have no latency: to predict it, {LEAST_MEASURED} of their"
            " format and precision have to be measured; raise --measure"
        )


def _note_open(found: Sweep) -> None:
    """Say what was not made, not measured, or measured badly."""
    if found.kept:
        console.note(f"{found.kept} of {len(found.records)} members were made before")
    disturbed = [
        entry.name
        for entry in found.entries
        if entry.latency is not None and entry.latency.is_usable is False
    ]
    if disturbed:
        console.note(
            f"the machine was disturbed while {', '.join(disturbed)} was measured; strop doctor"
            " says by what"
        )
    for record in found.failed:
        console.error(f"{record.member.name}: {record.error}")
    for entry in found.entries:
        if entry.latency_error is not None:
            console.error(entry.latency_error)


def told(taken: Entry | None, limits: Limits) -> str:
    """The file to take, in a line."""
    if taken is None:
        return "nothing fits: of no file is all known that is limited"
    facts = [taken.name]
    if taken.latency is not None:
        about = "about " if taken.latency.is_predicted else ""
        facts.append(f"{about}{taken.latency.p50_ms:.3g} ms")
    if taken.result.top1 is not None:
        facts.append(f"{taken.result.top1:.3f}")
    how = "fits best" if excess(taken, limits) == 0 else "nothing fits; nearest"
    return f"{how}: {', '.join(facts)}"


def cells(entry: Entry, front: frozenset[str], limits: Limits) -> tuple[object, ...]:
    """A row, by COLUMNS."""
    missed = excess(entry, limits) if limits.is_set else None
    has_labels = entry.result.top1 is not None
    return (
        entry.name,
        f"{entry.counts.multiply_adds / MILLION:.1f}",
        f"{entry.result.size_bytes / MIB:.2f}",
        _accuracy(entry),
        f"{100 * entry.result.drop:+.2f}" if has_labels else None,
        f"{100 * entry.result.agreement:.2f}",
        _latency(entry),
        f"{entry.energy.arithmetic_uj:.3g}",
        "*" if entry.name in front else "",
        None if missed is None else ("yes" if missed == 0 else "no"),
    )


def _accuracy(entry: Entry) -> str | None:
    top1, interval = entry.result.top1, entry.result.top1_interval
    if top1 is None or interval is None:
        return None
    return f"{top1:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _latency(entry: Entry) -> str | None:
    found = entry.latency
    if found is None:
        return None
    if found.is_predicted:
        return f"~{found.p50_ms:.3g}"
    if found.interval_ms is None:
        return f"{found.p50_ms:.3g}"
    return f"{found.p50_ms:.3g} [{found.interval_ms.low:.3g}, {found.interval_ms.high:.3g}]"
