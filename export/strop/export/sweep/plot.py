"""Draws a sweep's files as points: accuracy over latency, or what else is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strop.export.sweep.choose import Limits
from strop.export.sweep.entries import Entry, measures
from strop.runtime.pages.chart import Chart
from strop.runtime.pages.plots import PlotAxis, PlotPoint, point_chart
from strop.runtime.units import BYTES_PER_MIB, PERCENT

Value = Callable[[Entry], float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measure:
    """A number of a file, and the axis that it is drawn on."""

    value: Value
    axis: PlotAxis


def plot(
    entries: Sequence[Entry],
    front: frozenset[str],
    limits: Limits,
    details: Callable[[Entry], Sequence[str]],
) -> Chart | None:
    """Draw accuracy over latency, or size and energy instead of them where nobody knows them.

    Args:
        entries: One point each; without points nothing is drawn.
        front: Names of those to be filled.
        limits: Drawn as dashed lines.
        details: What hovering over a point shows, in lines.
    """
    x, y = _x_measure(entries, limits), _y_measure(entries, limits)
    points = [
        PlotPoint(
            series=f"{entry.precision} .{entry.format}",
            x=across,
            y=up,
            details=details(entry),
            is_hollow=entry.name not in front,
        )
        for entry in entries
        if (across := x.value(entry)) is not None and (up := y.value(entry)) is not None
    ]
    if not points:
        return None
    return point_chart(points, x=x.axis, y=y.axis, title=f"{y.axis.title} over {x.axis.title}")


def _x_measure(entries: Sequence[Entry], limits: Limits) -> _Measure:
    if any(entry.latency is not None for entry in entries):
        axis = PlotAxis(title="p50, ms", is_log=True, limit=limits.max_latency_ms)
        return _Measure(value=_p50_ms, axis=axis)
    axis = PlotAxis(title="energy of arithmetic, uJ", is_log=True)
    return _Measure(value=lambda entry: entry.energy.arithmetic_uj, axis=axis)


def _y_measure(entries: Sequence[Entry], limits: Limits) -> _Measure:
    if all(entry.measure is None for entry in entries):
        axis = PlotAxis(title="size, MiB", is_log=True)
        return _Measure(value=lambda entry: entry.result.size_bytes / BYTES_PER_MIB, axis=axis)
    limit = None if limits.min_accuracy is None else PERCENT * limits.min_accuracy
    title = f"{measures(entries)}, %"
    return _Measure(value=_measure_percent, axis=PlotAxis(title=title, limit=limit))


def _measure_percent(entry: Entry) -> float | None:
    return None if entry.measure is None else PERCENT * entry.measure


def _p50_ms(entry: Entry) -> float | None:
    # A model may predict 0, which no logarithm has.
    return None if entry.latency is None or entry.latency.p50_ms <= 0 else entry.latency.p50_ms
