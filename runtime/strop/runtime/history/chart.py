"""p50 over time: an artifact's lines on one machine as one chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strop.runtime.history.lines import Change, Line, Point
from strop.runtime.pages.chart import PICKED, Chart, Row, Spec, over, tooltip
from strop.runtime.pages.style import DIM
from strop.runtime.records.timestamps import timestamp
from strop.runtime.units import NS_PER_MS

HASH_DIGITS = 16  # of the artifact's sha256
SAME, NEW, VOID = "measured", "another artifact file than before", "the run does not count"
SHAPES = {SAME: "circle", NEW: "diamond", VOID: "cross"}
LETTERS = {Change.ENGINE: "E", Change.MACHINE: "M"}
PADDING = 12  # pixels, or half of a point at the edge is cut off
KEY = (
    "Bars are 95 % intervals. E: another engine, or another version of it.",
    "M: the system, Python, the governor or the clock changed.",
)
DETAILS = {
    "when": "time",
    "p50": "p50 [95 %]",
    "engine": "engine",
    "artifact": "artifact",
    "changed": "changed",
    "kind": "point",
    "record": "record",
}
TIME = {
    "field": "time",
    "type": "temporal",
    "title": None,
    "scale": {"type": "utc", "padding": PADDING},
    "axis": {"tickCount": 4, "format": {"month": "%Y-%m", "week": "%m-%d", "date": "%m-%d"}},
}
MS = {
    "field": "ms",
    "type": "quantitative",
    "title": "p50, ms",
    "scale": {"zero": False, "padding": PADDING},
}
SHAPE = {
    "field": "kind",
    "type": "nominal",
    "scale": {"domain": list(SHAPES), "range": list(SHAPES.values())},
    "legend": {"symbolFillColor": DIM.light},
}
LETTER = {"type": "text", "align": "right", "baseline": "top", "dx": -3}


def history_chart(lines: Sequence[Line]) -> Chart:
    """Draw an artifact's lines on one machine, one at least.

    A line joins the points that count; where an engine or the machine changed stands a letter.
    """
    rows = [_row(line, point) for line in lines for point in line.points]
    return Chart(
        title=lines[0].artifact,
        subtitle=lines[0].machine,
        rows=rows,
        layers=_layers(rows),
        series="line",
    )


def milliseconds(point: Point) -> str:
    """Write p50 with its interval."""
    text = f"{point.p50_ns / NS_PER_MS:.4g} ms"
    if point.interval_ns is None:
        return text
    low, high = (end / NS_PER_MS for end in (point.interval_ns.low, point.interval_ns.high))
    return f"{text} [{low:.4g}, {high:.4g}]"


def _row(line: Line, point: Point) -> Row:
    interval = point.interval_ns
    engine = f"{point.facts.engine} {point.facts.version}"
    kind = NEW if point.has(Change.ARTIFACT) else SAME
    return {
        "line": line.label,
        "ms": point.p50_ns / NS_PER_MS,
        "low": None if interval is None else interval.low / NS_PER_MS,
        "high": None if interval is None else interval.high / NS_PER_MS,
        "kind": kind if point.is_usable else VOID,
        "letters": " ".join(each for change, each in LETTERS.items() if point.has(change)),
        "time": timestamp(point.moment),
        "when": timestamp(point.moment),
        "p50": milliseconds(point),
        "engine": ", ".join(filter(None, (engine, point.facts.kernels_in_words))),
        "artifact": point.sha256[:HASH_DIGITS],
        "changed": "; ".join(text for _, text in point.changes),
        "counts": point.is_usable,
        "record": point.record,
    }


def _layers(rows: Sequence[Row]) -> list[Spec]:
    """Lines, whiskers, letters and points, in the order of drawing."""
    colour = {"field": "line", "type": "nominal", "sort": None}
    shared: dict[str, Any] = {"x": TIME, "y": MS, "color": colour, "opacity": PICKED}
    at_time = {"x": TIME, "color": colour, "opacity": PICKED}
    whiskers = {**shared, "y": {**MS, "field": "low"}, "y2": {"field": "high"}}
    letters = {**at_time, "y": {"value": 0}, "text": {"field": "letters"}}
    points = {**shared, "shape": SHAPE, "tooltip": tooltip(DETAILS)}
    return [
        *over(rows, "counts", {"mark": {"type": "line", "strokeWidth": 2}, "encoding": shared}),
        *over(rows, "high", {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": whiskers}),
        *over(
            rows, "letters", {"mark": {"type": "rule", "strokeDash": [3, 3]}, "encoding": at_time}
        ),
        *over(rows, "letters", {"mark": LETTER, "encoding": letters}),
        {"mark": {"type": "point", "filled": True, "size": 65}, "encoding": points},
    ]
