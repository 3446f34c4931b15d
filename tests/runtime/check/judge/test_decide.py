"""Verdicts on pairs made up, one by one and by the thousand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.runtime.check.pairs import MS, block, pair

from strop.runtime.check.judge.decide import (
    Decision,
    Verdict,
    decide,
    is_spoiled,
    passes_early,
)
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.measure.samples import Measure, Pair, Quad
from strop.runtime.check.modes.sequential import measure_pairs
from strop.runtime.errors import MeasurementError, PlanError

PLAN = CheckPlan(pairs=16)


def pairs_of(rel_increases: Sequence[float]) -> list[Pair]:
    return [pair(math.log1p(each)) for each in rel_increases]


def decided(rel_increases: Sequence[float], plan: CheckPlan = PLAN) -> Decision:
    return decide([pairs_of(rel_increases)], plan)[0]


def spread(centre: float, by: float, n: int = 16) -> list[float]:
    return [centre + by * (i / (n - 1) - 0.5) for i in np.random.default_rng(0).permutation(n)]


@pytest.mark.parametrize(
    ("centre", "by", "verdict"),
    [
        (0.0, 0.01, Verdict.PASS),
        (0.1, 0.02, Verdict.REGRESSION),
        (-0.1, 0.02, Verdict.IMPROVED),
        (0.035, 0.2, Verdict.INCONCLUSIVE),
        (0.0, 0.4, Verdict.INCONCLUSIVE),
        (0.03, 0.001, Verdict.REGRESSION),  # below the limit, but above the tolerance for certain
    ],
)
def test_the_verdict_is_what_the_bounds_show(centre: float, by: float, verdict: Verdict) -> None:
    found = decided(spread(centre, by))
    assert found.verdict is verdict
    assert found.ratio == pytest.approx(1 + centre, abs=by / 4 + 1e-3)
    assert found.low is not None and found.high is not None  # noqa: PT018
    assert found.low < 1 + centre < found.high
    assert found.detectable_increase is not None
    assert found.detectable_increase > PLAN.tolerance


def test_a_regression_of_the_first_pairs_alone_is_not_confirmed() -> None:
    # One-sided p at the tolerance is small, yet the last ten say otherwise.
    plan = replace(PLAN, stage1_pairs=13)
    found = decided([*spread(0.3, 0.1, 13), 0.0, 0.0, 0.0], plan)
    assert found.p_value is not None and found.p_value < 0.01  # noqa: PT018
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "but not in the pairs after the first 13" in found.reasons[0]


def test_six_pairs_are_never_a_regression() -> None:
    assert decided([0.5] * 6).verdict is Verdict.INCONCLUSIVE


def test_six_equal_pairs_are_a_pass_that_says_what_it_could_have_missed() -> None:
    found = decided(spread(0.0, 0.02, 6))
    assert (found.verdict, found.stage, found.pairs) == (Verdict.PASS, 1, 6)
    assert found.confidence == 1 - 1 / 64
    assert found.detectable_increase is not None


def test_a_slowdown_between_the_thresholds_does_not_end_early() -> None:
    assert not passes_early(pairs_of(spread(0.04, 0.004, 6)), PLAN)
    assert passes_early(pairs_of(spread(0.01, 0.004, 6)), PLAN)


def test_too_many_invalid_quads_are_no_verdict_and_say_why() -> None:
    found = decide([[pair(0.3, valid=2)] * 16], PLAN)[0]
    assert found.verdict is Verdict.INVALID
    assert "32 of 64 quads of blocks do not count (hot: 32); 25% may be" in found.reasons[0]
    assert found.ratio is None


@pytest.mark.parametrize(("slowdown", "verdict"), [(0.0, "pass"), (0.2, "regression")])
def test_a_check_that_others_disturbed_all_the_time_has_an_answer(
    slowdown: float, verdict: str
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 16)
    disturbed = [pair(math.log1p(slowdown + each), valid=0, reason="stolen time") for each in noise]
    found = decide([disturbed], PLAN)[0]
    assert found.verdict.value == verdict
    assert (found.dropped_quads, found.disturbed_quads, found.quads) == (0, 64, 64)
    assert not is_spoiled(disturbed, PLAN, planned_pairs=16)


def timed(old_ns: int, new_ns: int, *, counts: tuple[int, int] = (7, 7)) -> Pair:
    """A pair of 5 ms by the wall clock, with these processor times and millions of instructions."""
    blocks = [
        replace(block(5 * MS, cpu_ns=cpu_ns), invoke_instructions=(count * 1_000_000,) * 5)
        for cpu_ns, count in zip((old_ns, new_ns), counts, strict=True)
    ]
    quads = (Quad(order="ABBA", blocks=(*blocks, *blocks[::-1])),) * 4
    return replace(pair(), quads=quads)


@pytest.mark.parametrize(
    ("metric", "threads_ns", "measure", "ratio"),
    [
        (Metric.LATENCY, 0, Measure.PROCESSOR, 1.1),
        (Metric.LATENCY, 30 * MS, Measure.WALL, 1.0),
        (Metric.WALL, 0, Measure.WALL, 1.0),
        (Metric.PROCESSOR, 30 * MS, Measure.PROCESSOR, 1.1),
        (Metric.INSTRUCTIONS, 30 * MS, Measure.INSTRUCTIONS, 8 / 7),
    ],
)
def test_pairs_are_compared_by_the_metric_as_far_as_all_allow_it(
    metric: Metric, threads_ns: int, measure: Measure, ratio: float
) -> None:
    pairs = [timed(2 * MS, round(2.2 * MS), counts=(7, 8))] * 16
    last = [replace(each, cpu_ns=each.cpu_ns + threads_ns) for each in pairs[-1].quads[0].blocks]
    pairs[-1] = replace(pairs[-1], quads=(Quad(order="ABBA", blocks=tuple(last)),) * 4)
    found = decide([pairs], replace(PLAN, metric=metric))[0]
    assert found.measure is measure
    assert found.ratio == pytest.approx(ratio)


def test_a_pair_that_does_not_count_ends_no_first_stage() -> None:
    assert not passes_early([*[pair(0.0)] * 5, pair(0.0, valid=2)], PLAN)


def test_too_few_pairs_that_count_are_inconclusive() -> None:
    plan = replace(PLAN, max_invalid_share=0.9)
    found = decide([[*[pair(0.3)] * 5, *[pair(0.3, valid=2)] * 11]], plan)[0]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == ("5 pairs count, needed are 6",)


def test_several_artifacts_share_one_chance_of_a_false_alarm() -> None:
    # 7 pairs: p = 1/128, which is below 1 % but not below 1 % / 2.
    slow, plan = pairs_of([0.1] * 7), replace(PLAN, pairs=7)
    assert decide([slow], plan)[0].verdict is Verdict.REGRESSION
    both = decide([slow, pairs_of([0.0] * 7)], plan)
    assert [each.verdict for each in both] == [Verdict.INCONCLUSIVE, Verdict.PASS]


# How many pairs are run.


def counted(values: Iterator[float], **options: float) -> Callable[[], Pair]:
    return lambda: pair(next(values), **options)  # type: ignore[arg-type] # duration_s only


def test_the_budget_fixes_how_many_by_the_first_pairs_duration() -> None:
    plan = replace(PLAN, pairs=None, budget_s=90.0)
    pairs = measure_pairs(counted(iter([0.2] * 99), duration_s=9.0), plan)
    assert len(pairs) == 10
    pairs = measure_pairs(counted(iter([0.2] * 99), duration_s=1.0), plan)
    assert len(pairs) == plan.max_pairs


def test_a_budget_for_too_few_pairs_is_refused_with_the_one_that_is_needed() -> None:
    plan = replace(PLAN, pairs=None, budget_s=90.0)
    with pytest.raises(MeasurementError, match=r"enough for 4: fewer than 7 pairs.*--budget 154"):
        measure_pairs(counted(iter([0.2] * 99), duration_s=20.0), plan)


def test_two_artifacts_need_one_pair_more() -> None:
    with pytest.raises(PlanError, match=r"--pairs 7: fewer than 8 pairs .* 2 artifacts"):
        measure_pairs(counted(iter([0.2] * 99)), replace(PLAN, pairs=7), artifacts=2)


def test_nothing_but_a_pass_ends_before_the_last_pair() -> None:
    assert len(measure_pairs(counted(iter([0.0] * 99)), PLAN)) == 6
    assert len(measure_pairs(counted(iter([0.3] * 99)), PLAN)) == 16
    assert len(measure_pairs(counted(iter([-0.3] * 5 + [0.3] * 99)), PLAN)) == 16


def test_a_spoiled_session_ends_when_it_cannot_be_saved() -> None:
    # 16 of 64 quads may be dropped; with 2 a pair the ninth pair is too many.
    pairs = measure_pairs(lambda: pair(0.0, valid=2), PLAN)
    assert len(pairs) == 9
    assert decide([pairs], PLAN)[0].verdict is Verdict.INVALID


# Operating characteristics, simulated: a check of the design, no evidence about machines.

NOISE = 0.023  # standard deviation of a pair's logarithm on a noisy two-core VM


def shares(
    rel_increase: float, *, trials: int, sd: float = NOISE, seed: int = 0
) -> dict[str, float]:
    """How often each verdict is given, with heavy-tailed noise (Student's t of 3)."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        noise = random.standard_t(3, size=16) * sd / math.sqrt(3)
        values = iter((math.log1p(rel_increase) + noise).tolist())
        found.append(decide([measure_pairs(counted(values), PLAN)], PLAN)[0].verdict)
    return {verdict.value: found.count(verdict) / trials for verdict in Verdict}


def test_equal_files_are_no_regression_in_500_trials() -> None:
    found = shares(0.0, trials=500)
    assert found["regression"] == 0.0
    assert found["pass"] >= 0.98


def test_a_slowdown_of_the_tolerance_alarms_once_in_a_hundred_at_most() -> None:
    # 1 % of 500, and four standard errors.
    assert shares(0.02, trials=500)["regression"] <= 0.01 + 4 * math.sqrt(0.01 / 500)


@pytest.mark.parametrize(("rel_increase", "least"), [(0.05, 0.9), (0.10, 0.99)])
def test_slowdowns_are_caught(rel_increase: float, least: float) -> None:
    found = shares(rel_increase, trials=200)
    assert found["regression"] >= least
    assert found["improved"] == 0.0


def test_an_improvement_is_never_a_regression() -> None:
    found = shares(-0.10, trials=200)
    assert found["regression"] == found["inconclusive"] == 0.0
    assert found["improved"] >= 0.95


def test_equal_files_alarm_as_seldom_in_either_direction() -> None:
    """Without tolerance and limit in the way: a test at 1 % about zero, both labels."""
    plan = replace(PLAN, tolerance=0.0, stage1_pairs=1)
    random = np.random.default_rng(5)
    up = down = 0
    trials = 400
    for _ in range(trials):
        values = (random.standard_t(3, size=16) * NOISE).tolist()
        for sign in (1, -1):
            pairs = [pair(sign * value) for value in values]
            is_alarm = decide([pairs], plan)[0].verdict is Verdict.REGRESSION
            up, down = up + (is_alarm and sign > 0), down + (is_alarm and sign < 0)
    bound = trials * 0.01 + 4 * math.sqrt(trials * 0.01)
    assert up <= bound
    assert down <= bound
    assert up + down > 0


def test_a_plan_whose_thresholds_cross_is_refused() -> None:
    with pytest.raises(PlanError, match=r"tolerance 0\.05 and limit 0\.02"):
        CheckPlan(tolerance=0.05, limit=0.02)
