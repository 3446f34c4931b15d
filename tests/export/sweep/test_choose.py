"""The front holds what nothing beats, and the limits name the file to take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.export.sweep.fake_sweep import COUNTS, artifact

from strop.export.options.choices import Precision
from strop.export.sweep.choose import Limits, best, excess, objectives, pareto_front
from strop.export.sweep.energy import energy
from strop.export.sweep.entries import Entry, Latency
from strop.export.sweep.report import details
from strop.export.sweep.table_text import best_line, cells, columns, front_line, not_certified
from strop.runtime.artifact.contract import Task
from strop.runtime.bench.energy import EnergyFigures
from strop.runtime.statistics.intervals import Interval


def entry(name: str, *, top1: float | None, ms: float | None, size: int = 10) -> Entry:
    latency = (
        None
        if ms is None
        else Latency(
            p50_ms=ms, interval_ms=None, engine="litert", is_predicted=False, is_usable=True
        )
    )
    return Entry(
        member=name,
        format="tflite",
        precision="int8",
        counts=COUNTS,
        images=100,
        float_top1=None,
        task=Task.CLASSIFY,
        result=artifact(name, b"x" * size, top1),
        energy=energy(COUNTS, Precision.INT8),
        measured_energy=None,
        latency=latency,
        latency_error=None,
    )


FAST = entry("fast", top1=0.6, ms=5)
GOOD = entry("good", top1=0.9, ms=20)
WORSE = entry("worse", top1=0.55, ms=6)
SMALL = entry("small", top1=0.5, ms=9, size=5)
ALL = (FAST, GOOD, WORSE, SMALL)


def test_the_front_holds_what_no_other_file_beats() -> None:
    assert pareto_front(ALL) == {"fast", "good", "small"}


def test_of_equals_both_are_on_the_front() -> None:
    twin = entry("twin", top1=0.6, ms=5)
    assert pareto_front([FAST, twin]) == {"fast", "twin"}


def test_a_file_without_a_latency_beats_nothing_and_is_not_on_the_front() -> None:
    unmeasured = entry("unmeasured", top1=0.99, ms=None, size=1)
    assert pareto_front([*ALL, unmeasured]) == pareto_front(ALL)


def test_without_labels_the_front_is_of_the_rest() -> None:
    blind = [replace(each, result=replace(each.result, top1=None)) for each in ALL]
    assert pareto_front(blind) == {"fast", "small"}


def metered(entry: Entry, mj: float) -> Entry:
    found = EnergyFigures(
        meter="a meter",
        mj=mj,
        interval_mj=Interval(low=mj - 0.1, high=mj + 0.1),
        above_idle_mj=mj / 2,
        idle_w=(2.0, 2.0),
        watts=4.0,
        throttled_share=0.0,
    )
    return replace(entry, measured_energy=found)


def test_the_front_takes_millijoules_where_all_that_was_timed_has_them() -> None:
    frugal = metered(WORSE, 1.0)
    rest = [metered(each, 3.0) for each in (FAST, GOOD, SMALL)]
    assert pareto_front([*rest, frugal]) == {"fast", "good", "small", "worse"}
    assert objectives([*rest, frugal])[-1] == "energy"
    assert pareto_front([FAST, GOOD, SMALL, frugal]) == {"fast", "good", "small"}
    assert objectives([FAST, frugal])[-1] == "energy of arithmetic"
    assert cells(frugal, frozenset(), Limits())[7] == "1 [0.9, 1.1]"
    assert "measured: 1 mJ, 0.5 above idle, by a meter" in details(frugal, Limits())
    assert "mJ: all that the power meter covers" in front_line([frugal])
    assert "mJ" not in front_line(ALL)


@pytest.mark.parametrize(
    ("limits", "name", "text"),
    [
        (Limits(max_latency_ms=15), "fast", "fits best: fast, 5 ms, top-1 0.600"),
        (Limits(min_accuracy=0.5), "fast", "fits best: fast, 5 ms, top-1 0.600"),
        (
            Limits(max_latency_ms=30, min_accuracy=0.7),
            "good",
            "fits best: good, 20 ms, top-1 0.900",
        ),
        (Limits(max_latency_ms=6, min_accuracy=0.65), "fast", "nothing fits; nearest: fast"),
        (Limits(max_latency_ms=19, min_accuracy=0.85), "good", "nothing fits; nearest: good"),
    ],
)
def test_the_file_to_take_is_named(limits: Limits, name: str, text: str) -> None:
    taken = best(ALL, limits)
    assert taken is not None
    assert taken.name == name
    assert best_line(taken, limits).startswith(text)


def test_without_limits_nothing_is_named() -> None:
    assert best(ALL, Limits()) is None


def test_a_file_that_was_not_measured_is_not_taken_for_fast() -> None:
    unmeasured = entry("unmeasured", top1=0.9, ms=None)
    limits = Limits(max_latency_ms=15)
    assert excess(unmeasured, limits) is None
    assert best([unmeasured], limits) is None
    assert "of no file is all known" in best_line(None, limits)


def test_energy_is_that_of_the_table() -> None:
    # A million products and sums of int8: 0.2 + 0.1 pJ each. 2000 bytes fit the cache.
    found = energy(COUNTS, Precision.INT8)
    assert found.arithmetic_uj == pytest.approx(0.3)
    assert found.weights_uj == pytest.approx(2000 * 12.5e-6)
    assert energy(COUNTS, Precision.FLOAT32).arithmetic_uj == pytest.approx(4.6)
    large = replace(COUNTS, weight_bytes=2_000_000)
    assert energy(large, Precision.INT8).weights_uj == pytest.approx(2_000_000 * 162.5e-6)


def test_a_file_that_is_not_certified_is_marked_wherever_it_stands() -> None:
    why = "the float model answers 'class 0' to 100 of 100 images"
    doubted = replace(FAST, result=replace(FAST.result, not_certified=why))
    limits = Limits(max_latency_ms=10)
    row = dict(zip(columns(ALL), cells(doubted, frozenset(), limits), strict=True))
    assert row["agreement"] == "100.00 not certified"
    sure = dict(zip(columns(ALL), cells(FAST, frozenset(), limits), strict=True))
    assert sure["agreement"] == "100.00"
    assert best_line(doubted, limits).endswith("not certified")
    assert not_certified(ALL) is None
    assert not_certified((GOOD, doubted)) == f"not certified: 1 of 2 files; fast: {why}"
    assert f"not certified: {why}" in details(doubted, limits)


def test_the_figures_are_called_by_the_task_and_errors_are_better_where_they_are_less() -> None:
    vectors = replace(FAST, task=Task.EMBED)
    assert columns([vectors])[3:5] == ("recall@1 [95 %]", "drop, points")
    assert details(vectors, Limits())[1].startswith("recall@1 60.00 %")
    near, far = (
        replace(
            entry(name, top1=None, ms=5),
            task=Task.REGRESS,
            result=replace(entry(name, top1=None, ms=5).result, error=error),
        )
        for name, error in (("near", 0.1 + 1e-8), ("far", 0.4))
    )
    assert columns([near, far])[3:5] == (
        "mean error, share of spread [95 %]",
        "drop, % of float's spread",
    )
    assert cells(near, frozenset(), Limits())[3:5] == ("0.100", "+0.00")
    assert pareto_front([near, far]) == {"near"}
    assert best([far, near], Limits(max_latency_ms=10)) == near
    assert excess(near, Limits(min_accuracy=0.5)) is None
    assert columns([vectors, near])[3] == "recall@1 / mean error, share of spread [95 %]"
