"""The detectable effect, and Student's t below it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from strop.runtime.check.detectable import detectable_increase, deviation, student_quantile
from strop.runtime.check.signed_rank import p_above
from strop.runtime.errors import MeasurementError

TOLERANCE, ALPHA = 0.02, 0.01


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 15, 16, 99])
@pytest.mark.parametrize("p", [0.95, 0.99, 0.9999])
def test_the_quantiles_are_scipys(p: float, degrees: int) -> None:
    assert student_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9)


def test_without_noise_all_above_the_tolerance_is_detectable() -> None:
    assert detectable_increase([0.5] * 7, tolerance=TOLERANCE, alpha=ALPHA) == pytest.approx(0.02)


def test_twice_the_noise_needs_twice_the_effect_in_logarithms() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, 16)
    once, twice = (
        math.log1p(detectable_increase(noise.tolist(), tolerance=TOLERANCE, alpha=ALPHA))
        for noise in (values, 2 * values)
    )
    base = math.log1p(TOLERANCE)
    assert twice - base == pytest.approx(2 * (once - base))


def test_what_is_called_detectable_is_detected_nine_times_in_ten_at_least() -> None:
    """95 % is the t-test's; the signed-rank test has about as much power."""
    random = np.random.default_rng(3)
    sd, trials = 0.01, 2000
    sum_of_quantiles = stats.t.ppf(0.99, 15) + stats.t.ppf(0.95, 15)
    effect = math.log1p(TOLERANCE) + sum_of_quantiles * sd / 4
    found = [
        p_above(random.normal(effect, sd, 16).tolist(), math.log1p(TOLERANCE)) <= ALPHA
        for _ in range(trials)
    ]
    assert np.mean(found) >= 0.9


def test_the_deviation_is_the_samples() -> None:
    assert deviation([1.0, 2.0, 4.0]) == pytest.approx(np.std([1, 2, 4], ddof=1))


def test_one_pair_tells_nothing_of_the_noise() -> None:
    with pytest.raises(MeasurementError, match="1 pairs"):
        detectable_increase([0.0], tolerance=TOLERANCE, alpha=ALPHA)
