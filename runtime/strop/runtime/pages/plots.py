"""Makes charts of points with intervals over two axes, and of bars below their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strop.runtime.pages.chart import DETAILS, PADDING, PICKED, Chart, Row, Spec, over
from strop.runtime.pages.style import DIM
from strop.runtime.pages.xml_text import xml_text

BAR_STEP = 30  # pixels from bar to bar, with a name above each
DOT = {"type": "point", "filled": True, "size": 70}
RING = {"type": "point", "size": 35, "strokeWidth": 2}
NAME_AFTER = {"type": "text", "baseline": "bottom", "dy": -3, "align": "left", "dx": 7}
NAME_BEFORE = {**NAME_AFTER, "align": "right", "dx": -7}
BAR = {"type": "bar", "height": 9, "yOffset": 8}
BAR_NAME = {"type": "text", "align": "left", "dy": -5, "limit": {"expr": "width"}}
AT_0 = {"value": 0}  # pixels
ABOVE = {"orient": "top", "grid": True, "domain": False, "ticks": False, "tickCount": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotAxis:
    """An axis: its title, scale and limit.

    Attributes:
        title: With the unit.
        is_log: Whether equal ratios are equally far apart; then all values are > 0.
        limit: Drawn as a dashed line; None for none.
        from_zero: Whether it begins at 0, so that lengths on it can be compared.
    """

    title: str
    is_log: bool = False
    limit: float | None = None
    from_zero: bool = False

    def channel(self, field: str) -> dict[str, Any]:
        """Return Vega-Lite's encoding of a field on this axis."""
        kind = {"type": "log"} if self.is_log else {"zero": self.from_zero}
        room = {"nice": True} if self.from_zero else {"nice": False, "padding": PADDING}
        scale = {**kind, **room}
        # The first label under its tick: moved inwards, it runs into the second.
        return {
            "field": field,
            "type": "quantitative",
            "title": self.title,
            "scale": scale,
            "axis": {"labelFlush": False},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotPoint:
    """A point with its intervals, name and details.

    Attributes:
        name: Written beside it if `point_chart` is asked to; "" for none.
        series: Its colour in the legend.
        x: On the first axis.
        y: On the second.
        x_interval: Low and high end; None for none.
        y_interval: The same up and down.
        details: Lines that are shown under the pointer.
        is_hollow: Whether it is a ring.
    """

    name: str = ""
    series: str
    x: float
    y: float
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    details: Sequence[str] = ()
    is_hollow: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A value with its name.

    Attributes:
        name: Written above it.
        value: At least 0.
        series: Its colour in the legend; "" in all for no legend.
        details: Lines that are shown under the pointer.
    """

    name: str
    value: float
    series: str = ""
    details: Sequence[str] = ()


def point_chart(points: Sequence[PlotPoint], *, x: PlotAxis, y: PlotAxis, title: str) -> Chart:
    """Draw points, one at least, with their intervals, names and the axes' limits."""
    rows = [_point_row(point, is_right=_is_right(point.x, points)) for point in points]
    shared = {"color": _colour([point.series for point in points]), "opacity": PICKED}
    at = {"x": x.channel("x"), "y": y.channel("y"), **shared}
    across = {**at, "x": x.channel("x_low"), "x2": {"field": "x_high"}}
    up = {**at, "y": y.channel("y_low"), "y2": {"field": "y_high"}}
    return Chart(
        title=title,
        rows=rows,
        layers=[
            *over(rows, "has_x_interval", {"mark": "rule", "encoding": across}),
            *over(rows, "has_y_interval", {"mark": "rule", "encoding": up}),
            *over(rows, "is_filled", {"mark": DOT, "encoding": {**at, "tooltip": DETAILS}}),
            *over(rows, "is_hollow", {"mark": RING, "encoding": {**at, "tooltip": DETAILS}}),
            *over(rows, "name_after", _names(at, "name_after", NAME_AFTER)),
            *over(rows, "name_before", _names(at, "name_before", NAME_BEFORE)),
            *_limit("x", x),
            *_limit("y", y),
        ],
        series="series",
    )


def bar_chart(bars: Sequence[Bar], *, value_title: str, title: str) -> Chart:
    """Draw horizontal bars, one at least, in their order."""
    rows: list[Row] = [
        {
            "rank": rank,
            "name": bar.name,
            "value": bar.value,
            "series": bar.series,
            "details": "\n".join(bar.details),
        }
        for rank, bar in enumerate(bars)
    ]
    series = [bar.series for bar in bars]
    has_series = any(series)
    length = {"field": "value", "type": "quantitative", "title": value_title, "axis": ABOVE}
    rank = {"field": "rank", "type": "ordinal", "axis": None, "scale": {"type": "band"}}
    colour = {"color": _colour(series), "opacity": PICKED} if has_series else {}
    shared = {"y": rank, "tooltip": DETAILS}
    return Chart(
        title=title,
        rows=rows,
        layers=[
            {"mark": BAR, "encoding": {"x": length, **colour, **shared}},
            {"mark": BAR_NAME, "encoding": {"text": {"field": "name"}, "x": AT_0, **shared}},
        ],
        series="series" if has_series else None,
        can_zoom=False,
        height=BAR_STEP * len(bars),
    )


def _colour(series: Sequence[str]) -> dict[str, Any]:
    """Return the encoding that gives each series a colour, in the order of the data."""
    domain = list(map(xml_text, dict.fromkeys(series)))
    return {"field": "series", "type": "nominal", "scale": {"domain": domain}}


def _is_right(x: float, points: Sequence[PlotPoint]) -> bool:
    """Tell whether a point is so far to the right that its name has room only to the left of it."""
    middle = (min(point.x for point in points) + max(point.x for point in points)) / 2
    return x > middle


def _point_row(point: PlotPoint, *, is_right: bool) -> Row:
    x_low, x_high = point.x_interval or (None, None)
    y_low, y_high = point.y_interval or (None, None)
    return {
        "name_after": "" if is_right else point.name,
        "name_before": point.name if is_right else "",
        "series": point.series,
        "x": point.x,
        "x_low": x_low,
        "x_high": x_high,
        "has_x_interval": point.x_interval is not None,
        "y": point.y,
        "y_low": y_low,
        "y_high": y_high,
        "has_y_interval": point.y_interval is not None,
        "is_filled": not point.is_hollow,
        "is_hollow": point.is_hollow,
        "details": "\n".join(point.details),
    }


def _names(at: Spec, field: str, mark: Spec) -> Spec:
    return {"mark": mark, "encoding": {**at, "text": {"field": field}}}


def _limit(channel: str, axis: PlotAxis) -> list[Spec]:
    if axis.limit is None:
        return []
    at = axis.channel("limit")
    mark = {"type": "rule", "strokeDash": [4, 4], "color": DIM.light}
    return [{"data": {"values": [{"limit": axis.limit}]}, "mark": mark, "encoding": {channel: at}}]
