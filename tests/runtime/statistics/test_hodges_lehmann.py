"""Hodges-Lehmann with exact bounds."""

from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.hodges_lehmann import estimate
from strop.runtime.statistics.signed_rank import p_above

ALPHA = 0.01


@pytest.mark.parametrize("n", [7, 10, 16])
def test_a_bound_is_where_the_test_stops_rejecting(n: int) -> None:
    values = np.random.default_rng(n).standard_t(3, size=n).tolist()
    found = estimate(values, alpha=ALPHA)
    assert p_above(values, found.low - 1e-9) <= ALPHA < p_above(values, found.low)
    mirrored = [-value for value in values]
    assert p_above(mirrored, -found.high - 1e-9) <= ALPHA < p_above(mirrored, -found.high)


def test_six_values_are_bounded_by_their_extremes_with_63_in_64() -> None:
    found = estimate([5.0, 1.0, 3.0, 2.0, 6.0, 4.0], alpha=ALPHA)
    assert (found.low, found.high, found.confidence) == (1.0, 6.0, 1 - 1 / 64)


def test_one_value_far_out_moves_the_centre_little() -> None:
    values = [0.0, 0.1, -0.1, 0.05, -0.05, 0.02, 100.0]
    assert abs(estimate(values, alpha=ALPHA).centre) <= 0.1


def test_the_bounds_miss_as_seldom_as_they_promise() -> None:
    random = np.random.default_rng(1)
    trials = 4000
    low = [estimate(random.standard_t(3, size=10).tolist(), alpha=ALPHA).low for _ in range(trials)]
    # P(T <= 5) is 10 in 1024; four standard errors of the share above it.
    expected = 10 / 1024
    assert np.mean(np.array(low) > 0) <= expected + 4 * np.sqrt(expected / trials)


def test_no_values_have_no_centre() -> None:
    with pytest.raises(MeasurementError, match="one pair at least"):
        estimate([], alpha=ALPHA)
