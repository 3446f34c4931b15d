"""A sweep's page holds every file, loads nothing, runs nothing, and fits a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from tests.export.sweep.fake_sweep import PLAN, Exporter, Stopwatch, fake_sweep, job
from tests.export.sweep.test_choose import ALL, FAST, entry
from tests.runtime.pages.drawn import Page, marks, parsed, place, without_programs

from strop.export.sweep.choose import Limits, pareto_front
from strop.export.sweep.entries import Entry
from strop.export.sweep.plot import plot
from strop.export.sweep.report import details, sweep_html
from strop.export.sweep.sweep import Steps, Sweep, sweep
from strop.runtime.pages.chart import HEIGHT, WIDTH, Chart, picture, script

NO_LIMITS = Limits()
MAX_BYTES = 3 * 2**20


@pytest.fixture
def found(tmp_path: Path) -> Sweep:
    return fake_sweep(tmp_path)


def drawn(*entries: Entry, limits: Limits = NO_LIMITS) -> Chart:
    found = plot(entries, pareto_front(entries), limits, lambda each: details(each, limits))
    assert found is not None
    return found


def svg_of(chart: Chart) -> Element:
    return parsed(picture([chart], title="", notes=()))


def points(chart: Chart) -> dict[str, tuple[float, float, bool]]:
    """Place of each file's dot, and whether it is filled, by name."""
    # Rings are drawn last.
    rows = sorted(chart.rows, key=lambda row: bool(row["is_hollow"]))
    return {
        str(row["details"]).splitlines()[0]: (*place(dot), dot.get("fill") is not None)
        for row, dot in zip(rows, marks(svg_of(chart), "symbol"), strict=True)
    }


def test_the_page_loads_and_runs_nothing_whatever_a_name_holds(found: Sweep) -> None:
    text = sweep_html(found, Limits(max_latency_ms=15))
    page = Page(text)
    kinds = {tag for tag, _ in page.tags}
    assert kinds.isdisjoint({"link", "img", "iframe", "object"})
    assert page.programs == [script()]
    named = {name for _, attributes in page.tags for name in attributes}
    assert named.isdisjoint({"src", "href"})
    assert not any(name.startswith("on") for name in named)
    assert "url(" not in without_programs(text)
    assert page.policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha")
    shown = "".join(page.texts)
    assert shown.count(r"</style><script>alert(1)</script>\x00") == 2


def test_the_page_says_what_there_is_and_what_failed(found: Sweep) -> None:
    shown = " ".join(Page(sweep_html(found, Limits(max_latency_ms=15))).texts)
    for text in (
        "2 members, 2 files",
        "exports took 2 s (median), 5 s in all",
        "fits best: a.int8.tflite, 5 ms, top-1 0.600",
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
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _ in places.values())
    assert {name for name, (_, _, is_filled) in places.items() if is_filled} == pareto_front(ALL)


def test_a_logarithmic_axis_has_equal_ratios_at_equal_distances() -> None:
    chart = drawn(*(entry(name, top1=0.5, ms=ms) for name, ms in (("a", 1), ("b", 10), ("c", 100))))
    (a, *_), (b, *_), (c, *_) = (points(chart)[name] for name in "abc")
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_limits_are_dashed_lines_between_what_meets_them_and_what_does_not() -> None:
    chart = drawn(*ALL, limits=Limits(max_latency_ms=15, min_accuracy=0.7))
    dashed = [rule for rule in marks(svg_of(chart), "rule") if rule.get("stroke-dasharray")]
    (x, _), (_, y) = map(place, dashed)
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
    assert chart.title == label
    assert len(marks(svg_of(chart), "symbol")) == 1


def test_without_files_there_is_no_chart(tmp_path: Path) -> None:
    exporter = Exporter(fails={"a": "no"})
    steps = Steps(
        make=exporter.make, open_executor=exporter.open_executor, measure=Stopwatch().measure
    )
    page = Page(sweep_html(sweep(tmp_path, [job("a")], PLAN, steps), NO_LIMITS))
    assert "svg" not in {tag for tag, _ in page.tags}
    assert "Failed" in page.texts
