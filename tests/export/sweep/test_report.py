"""A sweep's page holds every file, loads nothing, runs nothing, and fits a phone."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from tests.export.sweep.fake_sweep import PLAN, Exporter, Stopwatch, fake_sweep, job
from tests.export.sweep.test_choose import ALL, FAST, entry

from strop.export.sweep.choose import Limits, pareto_front
from strop.export.sweep.entries import Entry
from strop.export.sweep.plot import BOTTOM, LEFT, RIGHT, TOP, plot
from strop.export.sweep.report import details, sweep_html
from strop.export.sweep.sweep import Hands, Sweep, sweep

NO_LIMITS = Limits()
MAX_BYTES = 3 * 2**20


class Page(HTMLParser):
    """What a browser would see: every start tag, and every text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def found(tmp_path: Path) -> Sweep:
    return fake_sweep(tmp_path)


def drawn(*entries: Entry, limits: Limits = NO_LIMITS) -> Element:
    found = plot(entries, pareto_front(entries), limits, lambda each: details(each, limits))
    assert found is not None
    return found


def points(chart: Element) -> dict[str, tuple[float, float, bool]]:
    """Place of each file's dot, and whether it is filled, by name."""
    return {
        title.splitlines()[0]: (
            float(dot.get("cx", "")),
            float(dot.get("cy", "")),
            "void" not in kind,
        )
        for group in chart.iter("g")
        if (title := group.findtext("title")) and (dot := group.find("circle")) is not None
        for kind in [dot.get("class", "")]
    }


def test_the_page_loads_and_runs_nothing_whatever_a_name_holds(found: Sweep) -> None:
    text = sweep_html(found, Limits(max_latency_ms=15))
    page = Page(text)
    kinds = {tag for tag, _ in page.tags}
    assert kinds.isdisjoint({"script", "link", "img", "iframe", "object"})
    named = {name for _, attributes in page.tags for name in attributes}
    assert named.isdisjoint({"src", "href"})
    assert not any(name.startswith("on") for name in named)
    assert "url(" not in text
    policies = [each["content"] for _, each in page.tags if "http-equiv" in each]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    shown = "".join(page.texts)
    assert shown.count(r"</style><script>alert(1)</script>\x00") == 2


def test_the_page_says_what_there_is_and_what_failed(found: Sweep) -> None:
    shown = " ".join(Page(sweep_html(found, Limits(max_latency_ms=15))).texts)
    for text in (
        "2 members, 2 files",
        "exports took 2 s (median), 5 s in all",
        "fits best: a.int8.tflite, 5 ms, 0.600",
        "c.int8 : ",
        "has no width multiplier",
        found.machine.python,
    ):
        assert text in shown


def test_the_page_fits_a_phone(found: Sweep) -> None:
    page = Page(sweep_html(found, NO_LIMITS))
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in page.tags
    for i, (tag, _) in enumerate(page.tags):
        # Wide tables scroll by themselves, not the page.
        assert tag != "table" or page.tags[i - 1] == ("div", {"class": "wide"})
    assert ".wide{overflow-x:auto}" in sweep_html(found, Limits())


def test_a_thousand_files_stay_below_three_megabytes(found: Sweep) -> None:
    many = [
        replace(each, result=replace(each.result, file=f"{each.result.file}{i}"))
        for i in range(500)
        for each in found.entries
    ]
    text = sweep_html(replace(found, entries=tuple(many)), Limits())
    assert len(text.encode()) < MAX_BYTES


def test_points_are_where_their_numbers_are() -> None:
    places = points(drawn(*ALL))
    assert set(places) == {"fast", "good", "worse", "small"}
    across = {name: x for name, (x, _, _) in places.items()}
    assert across["fast"] < across["worse"] < across["small"] < across["good"]
    up = {name: -y for name, (_, y, _) in places.items()}
    assert up["small"] < up["worse"] < up["fast"] < up["good"]
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y, _ in places.values())
    assert {name for name, (_, _, is_filled) in places.items() if is_filled} == pareto_front(ALL)


def test_a_logarithmic_axis_has_equal_ratios_at_equal_distances() -> None:
    chart = drawn(*(entry(name, top1=0.5, ms=ms) for name, ms in (("a", 1), ("b", 10), ("c", 100))))
    (a, *_), (b, *_), (c, *_) = (points(chart)[name] for name in "abc")
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_limits_are_dashed_lines_between_what_meets_them_and_what_does_not() -> None:
    chart = drawn(*ALL, limits=Limits(max_latency_ms=15, min_accuracy=0.7))
    marks = [path.get("d", "") for path in chart.iter("path") if path.get("class") == "mark"]
    (x,), (y,) = (
        {float(number) for number in re.findall(pattern, mark)}
        for mark, pattern in zip(marks, (r"[ML]([\d.]+) ", r" ([\d.]+)"), strict=True)
    )
    places = points(chart)
    assert places["small"][0] < x < places["good"][0]
    assert places["good"][1] < y < places["fast"][1]


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, "top-1, % over p50, ms"),
        ({"latency": None}, "top-1, % over energy of arithmetic, uJ"),
        ({"result": replace(FAST.result, top1=None)}, "size, MiB over p50, ms"),
        ({"result": replace(FAST.result, top1=0.0)}, "top-1, % over p50, ms"),
    ],
)
def test_axes_hold_what_is_known(change: dict[str, object], label: str) -> None:
    chart = drawn(replace(FAST, **change))  # type: ignore[arg-type]
    assert chart.get("aria-label") == label
    ElementTree.tostring(chart)


def test_without_files_there_is_no_chart(tmp_path: Path) -> None:
    exporter = Exporter(fails={"a": "no"})
    hands = Hands(
        make=exporter.make, open_executor=exporter.open_executor, measure=Stopwatch().measure
    )
    page = Page(sweep_html(sweep(tmp_path, [job("a")], PLAN, hands), NO_LIMITS))
    assert "svg" not in {tag for tag, _ in page.tags}
    assert "Failed" in page.texts
