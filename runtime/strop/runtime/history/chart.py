"""p50 over time: an artifact's lines on one machine as one chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strop.runtime.history.lines import Change, Line, Point
from strop.runtime.pages.chart import DETAILS, PADDING, PICKED, Chart, Row, Spec, over
from strop.runtime.pages.style import DIM
from strop.runtime.records.timestamps import timestamp
from strop.runtime.units import NS_PER_MS

HASH_DIGITS = 16  # of the artifact's sha256
SAME, NEW, VOID = "measured", "another artifact file than before", "the run does not count"
SHAPES = {SAME: "circle", NEW: "diamond", VOID: "cross"}
LETTERS = {Change.ENGINE: "E", Change.MACHINE: "M"}
KEY = (
    "Bars are 95 % intervals. E: another engine, or another version of it.",
    "M: the system, Python, the governor or the clock changed.",
)
TIME = {
    "field": "time",
    "type": "temporal",
    "title": None,
    "scale": {"type": "utc", "padding": PADDING},
    "axis": {"tickCount": 4, "format": {"month": "%Y-%m", "week": "%m-%d", "date": "%m-%d"}},
}
MS_SCALE = {"zero": False, "padding": PADDING}
MS = {"field": "ms", "type": "quantitative", "title": "p50, ms", "scale": MS_SCALE}
SHAPE_SCALE = {"domain": list(SHAPES), "range": list(SHAPES.values())}
LEGEND = {"symbolFillColor": DIM.light}
SHAPE = {"field": "kind", "type": "nominal", "scale": SHAPE_SCALE, "legend": LEGEND}
LINE = {"type": "line", "strokeWidth": 2}
DASHED = {"type": "rule", "strokeDash": [3, 3]}
LETTER = {"type": "text", "align": "right", "baseline": "top", "dx": -3}
DOT = {"type": "point", "filled": True, "size": 65}


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
    kind = NEW if point.has(Change.ARTIFACT) else SAME
    return {
        "line": line.label,
        "time": timestamp(point.moment),
        "ms": point.p50_ns / NS_PER_MS,
        "low": None if interval is None else interval.low / NS_PER_MS,
        "high": None if interval is None else interval.high / NS_PER_MS,
        "kind": kind if point.is_usable else VOID,
        "counts": point.is_usable,
        "letters": " ".join(each for change, each in LETTERS.items() if point.has(change)),
        "details": "\n".join(_details(point)),
    }


def _details(point: Point) -> list[str]:
    """Say in lines what is known of a point."""
    engine = f"{point.facts.engine} {point.facts.version}"
    return [
        timestamp(point.moment),
        f"p50 {milliseconds(point)}",
        ", ".join(filter(None, (engine, point.facts.kernels_in_words))),
        f"artifact {point.sha256[:HASH_DIGITS]}",
        *(f"changed {text}" for _, text in point.changes),
        *([] if point.is_usable else [VOID]),
        point.record,
    ]


def _layers(rows: Sequence[Row]) -> list[Spec]:
    """Lines, whiskers, letters and points, in the order of drawing."""
    colour = {"field": "line", "type": "nominal", "sort": None}
    at_time: dict[str, Any] = {"x": TIME, "color": colour, "opacity": PICKED}
    at = {**at_time, "y": MS}
    whiskers = {**at_time, "y": {**MS, "field": "low"}, "y2": {"field": "high"}}
    letters = {**at_time, "y": {"value": 0}, "text": {"field": "letters"}}
    return [
        *over(rows, "counts", {"mark": LINE, "encoding": at}),
        *over(rows, "high", {"mark": "rule", "encoding": whiskers}),
        *over(rows, "letters", {"mark": DASHED, "encoding": at_time}),
        *over(rows, "letters", {"mark": LETTER, "encoding": letters}),
        {"mark": DOT, "encoding": {**at, "shape": SHAPE, "tooltip": DETAILS}},
    ]
