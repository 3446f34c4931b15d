"""The exact signed-rank test, held against scipy and against itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import wilcoxon

from strop.runtime.statistics.signed_rank import (
    critical_sum,
    cumulative_null,
    p_above,
    walsh_averages,
)


def test_the_null_is_the_count_of_all_signs() -> None:
    n = 7
    sums = [
        sum(rank for rank, sign in enumerate(signs, 1) if sign)
        for signs in itertools.product((0, 1), repeat=n)
    ]
    shares = [np.mean(np.array(sums) <= t) for t in range(n * (n + 1) // 2 + 1)]
    assert cumulative_null(n).tolist() == shares


@pytest.mark.parametrize(("n", "k"), [(6, None), (7, 0), (10, 5), (16, 23)])
def test_the_critical_sum_at_one_percent_is_the_tables(n: int, k: int | None) -> None:
    # Hollander, Wolfe and Chicken, table A.4.
    assert critical_sum(n, 0.01) == k


@pytest.mark.parametrize("n", [1, 2, 7, 16, 40])
@pytest.mark.parametrize("centre", [-0.5, 0.0, 0.4])
def test_the_p_value_is_scipys_exact_one(n: int, centre: float) -> None:
    values = np.random.default_rng(n).standard_t(3, size=n)
    expected = wilcoxon(values - centre, alternative="greater", method="exact").pvalue
    assert p_above(values.tolist(), centre) == pytest.approx(expected, rel=1e-12)


def test_equal_values_give_no_evidence() -> None:
    assert p_above([0.0] * 16, 0.0) == 1.0


def test_there_is_a_walsh_average_for_every_pair_and_every_value() -> None:
    assert walsh_averages([3.0, 1.0, 2.0]).tolist() == [1.0, 1.5, 2.0, 2.0, 2.5, 3.0]
