"""Points, intervals and bars are where their numbers are."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import pytest
from tests.runtime.pages.drawn import labels, marks, parsed, place

from strop.runtime.pages.chart import WIDTH, Chart, picture
from strop.runtime.pages.plots import Bar, PlotAxis, PlotPoint, bar_chart, point_chart

BASELINE = 4  # of an axis' label, below its middle
X = PlotAxis(title="p50, ms", is_log=True, limit=50)
Y = PlotAxis(title="agreement, %")
POINTS = (
    PlotPoint(name="left", series="ours", x=1, y=60, y_interval=(55, 70), details=("a", "b")),
    PlotPoint(name="right", series="theirs", x=100, y=75, x_interval=(10, 100), is_hollow=True),
)


def drawn(chart: Chart) -> Element:
    return parsed(picture([chart], title="", notes=()))


def test_points_and_intervals_are_where_their_numbers_are() -> None:
    root = drawn(point_chart(POINTS, x=X, y=Y, title="two"))
    left, right = map(place, marks(root, "symbol"))
    at = labels(root)
    assert left == pytest.approx((at["1"][0], at["60"][1] - BASELINE), abs=1)
    assert right == pytest.approx((at["100"][0], at["75"][1] - BASELINE), abs=1)
    across, up, limit = marks(root, "rule")
    # From 10 to 100, which is half of 1 to 100 on this axis.
    assert abs(float(across.get("x2", ""))) == pytest.approx((right[0] - left[0]) / 2, abs=0.5)
    assert place(up)[1] == pytest.approx(at["55"][1] - BASELINE, abs=1)
    assert place(limit)[0] == pytest.approx(at["50"][0], abs=1)


def test_a_name_stands_on_the_side_where_there_is_room() -> None:
    root = drawn(point_chart(POINTS, x=X, y=Y, title="two"))
    sides = {text.text: text.get("text-anchor", "start") for text in marks(root, "text")}
    assert sides == {"left": "start", "right": "end"}


def test_a_ring_is_hollow_and_a_pointer_finds_all_lines() -> None:
    chart = point_chart(POINTS, x=X, y=Y, title="two")
    fills = [dot.get("fill") for dot in marks(drawn(chart), "symbol")]
    assert fills == ["#0067a5", None]
    assert chart.rows[0]["details"] == "a\nb"


def test_bars_are_as_long_as_their_values_and_below_their_names() -> None:
    bars = [Bar(name=f"layer {i}", value=i) for i in (4, 2, 1, 0)]
    root = drawn(bar_chart(bars, value_title="nats", title="layers"))
    lengths = [float(re.findall(r"h([\d.]+)", bar.get("d", ""))[0]) for bar in marks(root, "rect")]
    assert lengths == pytest.approx([WIDTH, WIDTH / 2, WIDTH / 4, 0], abs=0.1)
    names = marks(root, "text")
    assert [name.text for name in names] == ["layer 4", "layer 2", "layer 1", "layer 0"]
    ys = [place(name)[1] for name in names]
    assert ys == sorted(ys)
