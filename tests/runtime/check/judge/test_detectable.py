"""The detectable effect: what is called detectable is detected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.runtime.check.pairs import pair

from strop.runtime.check.judge.decide import Verdict, decide, passes_early
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.hodges_lehmann import detectable_increase, estimate

TOLERANCE, ALPHA = 0.02, 0.01
PLAN = CheckPlan(pairs=16)


def found(values: list[float], planned: int = 16) -> float:
    return detectable_increase(
        estimate(values, alpha=ALPHA),
        pairs=len(values),
        planned=planned,
        tolerance=TOLERANCE,
        alpha=ALPHA,
    )


def test_without_noise_all_above_the_tolerance_is_detectable() -> None:
    assert found([0.5] * 7) == pytest.approx(0.02)


def test_twice_the_noise_needs_twice_the_effect_in_logarithms() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, 16)
    once, twice = (math.log1p(found(noise.tolist())) for noise in (values, 2 * values))
    base = math.log1p(TOLERANCE)
    assert twice - base == pytest.approx(2 * (once - base))


def test_one_outlying_pair_hardly_widens_it() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, 16).tolist()
    assert found([*values[:-1], 1.0]) - TOLERANCE < 1.5 * (found(values) - TOLERANCE)


def test_a_check_that_ends_early_says_what_all_its_pairs_would_have_found() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, 6).tolist()
    of_six, of_all = (math.log1p(found(values, planned=n)) for n in (6, 24))
    base = math.log1p(TOLERANCE)
    assert of_all - base == pytest.approx((of_six - base) / 2)
    early = decide([[pair(each) for each in values]], PLAN)[0]
    assert (early.verdict, early.stage) == (Verdict.PASS, 1)
    # A made-up pair's times are whole nanoseconds, of 5 ms.
    assert early.detectable_increase == pytest.approx(found(values, planned=16), abs=1e-6)


@pytest.mark.parametrize("shape", ["normal", "t3", "bursts"])
@pytest.mark.parametrize("deviation", [0.015, 0.025, 0.03])
def test_what_is_called_detectable_is_caught_95_times_in_100(shape: str, deviation: float) -> None:
    """+5 %, of those checks that state 5 % or less; 400 each, seed fixed."""
    random = np.random.default_rng(5)
    caught = stated = 0
    for _ in range(400):
        values = math.log1p(0.05) + deviation * _noise(shape, random)
        pairs = [pair(each) for each in values.tolist()]
        if passes_early(pairs[: PLAN.stage1_pairs], PLAN):
            pairs = pairs[: PLAN.stage1_pairs]
        decision = decide([pairs], PLAN)[0]
        assert decision.detectable_increase is not None
        if decision.detectable_increase <= 0.05:
            stated += 1
            caught += decision.verdict is Verdict.REGRESSION
    assert stated >= 80
    assert caught / stated >= 0.95


def _noise(shape: str, random: np.random.Generator) -> np.ndarray:
    """16 values with a standard deviation of about 1."""
    if shape == "normal":
        return random.normal(size=16)
    if shape == "t3":
        return random.standard_t(3, size=16) / math.sqrt(3)
    bursts = random.choice([-1, 1], 16) * random.uniform(2, 6, 16)
    return (random.normal(size=16) + (random.random(16) < 0.1) * bursts) / 2


def test_one_pair_tells_nothing_of_the_noise() -> None:
    with pytest.raises(MeasurementError, match="1 pairs"):
        found([0.0])
