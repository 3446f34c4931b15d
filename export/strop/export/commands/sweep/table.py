"""How `strop sweep` says what came out: a table, what failed, and the file to take."""

from __future__ import annotations

from strop import console
from strop.export.sweep.choose import Limits, best, pareto_front
from strop.export.sweep.latency_model import LEAST_MEASURED
from strop.export.sweep.sweep import Sweep
from strop.export.sweep.table_text import (
    best_line,
    cells,
    columns,
    duration_line,
    front_line,
    not_certified,
)

MAX_NAMES = 5


def print_sweep(found: Sweep, limits: Limits) -> None:
    """Print the table to stdout, and to stderr what it leaves open."""
    front = pareto_front(found.entries)
    rows = [cells(entry, front, limits) for entry in found.entries]
    # A column in which nothing is known says nothing.
    named = columns(found.entries)
    shown = [i for i in range(len(named)) if any(row[i] is not None for row in rows)]
    if rows:
        console.table([named[i] for i in shown], [[row[i] for i in shown] for row in rows])
    console.note(front_line(found.entries))
    doubts = not_certified(found.entries)
    if doubts is not None:
        console.note(doubts)
    time_taken = duration_line(found.records)
    if time_taken is not None:
        console.note(time_taken)
    _note_models(found)
    _note_open(found)
    if limits.is_set:
        console.note(best_line(best(found.entries, limits), limits))


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
        named = ", ".join(disturbed[:MAX_NAMES])
        rest = len(disturbed) - MAX_NAMES
        console.note(
            f"the machine was disturbed while these were measured: {named}"
            + (f" and {rest} more" if rest > 0 else "")
            + "; strop doctor says by what"
        )
    for record in found.failed:
        console.error(f"{record.member.name}: {record.error}")
    for entry in found.entries:
        if entry.latency_error is not None:
            console.error(entry.latency_error)
