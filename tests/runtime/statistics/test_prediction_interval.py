"""The prediction interval, with scipy's t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from strop.runtime.statistics.prediction_interval import prediction
from strop.runtime.statistics.student import student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 15, 16, 99])
@pytest.mark.parametrize("p", [0.95, 0.99, 0.9999])
def test_the_quantiles_are_scipys(p: float, degrees: int) -> None:
    assert student_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9)


@pytest.mark.parametrize(("n", "factor"), [(3, 8.0), (5, 4.1), (8, 3.2), (10, 3.0), (20, 2.6)])
def test_few_values_ask_for_many_deviations(n: int, factor: float) -> None:
    values = np.random.default_rng(n).normal(0, 1, n)
    found = prediction(values.tolist())
    assert found.half_width(0.99) / values.std(ddof=1) == pytest.approx(factor, abs=0.05)


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_next_value_lies_beyond_it_as_often_as_is_said(n: int) -> None:
    random = np.random.default_rng(n)
    trials = 4000
    beyond = 0
    for _ in range(trials):
        *values, following = random.normal(3, 2, n + 1).tolist()
        found = prediction(values)
        beyond += following > found.centre + found.half_width(0.95)
    # Three standard errors of the binomial.
    assert beyond / trials == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / trials) ** 0.5)
