"""The intervals against published examples, scipy, and exact coverage by enumeration."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics import intervals as statistics
from strop.runtime.statistics.intervals import (
    Z_95,
    paired_drop_interval,
    percentile_ns,
    quantile,
    quantile_interval,
    samples_needed,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (419, 500), (1, 50_000)])
def test_wilson_interval_is_scipys(successes: int, n: int) -> None:
    ours = wilson_interval(successes, n)
    oracle = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_wilson_interval_ends_exactly_at_0_and_1() -> None:
    assert wilson_interval(0, 7).low == 0.0
    assert wilson_interval(7, 7).high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (4, 3), (-1, 3)])
def test_a_share_of_nothing_is_refused(successes: int, n: int) -> None:
    with pytest.raises(MeasurementError, match="1 or more images"):
        wilson_interval(successes, n)


@pytest.mark.parametrize(
    ("only_first", "only_second", "n", "low", "high"),
    [
        # Tango 1998, sec. 6.2: sleeping difficulties, 9 and 3 of 32 pairs.
        (9, 3, 32, -0.027, 0.390),
        # Fagerland, Lydersen, Laake, Statistics in Medicine 33 (2014): airway
        # hyper-responsiveness, 1 and 7 of 21 children.
        (1, 7, 21, -0.517, -0.026),
    ],
)
def test_paired_interval_is_the_published_one(
    only_first: int, only_second: int, n: int, low: float, high: float
) -> None:
    interval = paired_drop_interval(only_first, only_second, n)
    # Published to three places.
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.0005)


def test_paired_score_is_the_published_one() -> None:
    # Tango 1998, sec. 6.1: soft contact lenses, 0 and 1 of 44, margin 0.1: Z = 1.709.
    assert statistics._paired_score(0, 1, 44, -0.1) == pytest.approx(1.709, abs=0.0005)


@pytest.mark.parametrize(
    ("only_first", "only_second", "n"), [(5, 0, 20), (0, 5, 20), (12, 9, 50), (3, 30, 1000)]
)
def test_both_ends_solve_the_score_equation_with_a_numeric_likelihood(
    only_first: int, only_second: int, n: int
) -> None:
    interval = paired_drop_interval(only_first, only_second, n)
    # 1e-4: the oracle's maximum is found to about 1e-8, its statistic to the root of that.
    assert _oracle_score(only_first, only_second, n, interval.low) == pytest.approx(Z_95, abs=1e-4)
    assert _oracle_score(only_first, only_second, n, interval.high) == pytest.approx(
        -Z_95, abs=1e-4
    )


@pytest.mark.parametrize("n", [1, 20, 500, 50_000])
def test_without_differences_the_interval_is_symmetric_and_not_empty(n: int) -> None:
    interval = paired_drop_interval(0, 0, n)
    half = Z_95**2 / (n + Z_95**2)  # where n * drop / (1 - drop) = z^2
    assert (interval.low, interval.high) == pytest.approx((-half, half), rel=1e-9)


@pytest.mark.parametrize("n", [1, 20, 500])
def test_when_all_differ_the_interval_ends_at_1(n: int) -> None:
    interval = paired_drop_interval(n, 0, n)
    assert interval.high == pytest.approx(1.0, abs=1e-12)
    assert interval.low == pytest.approx((n - Z_95**2) / (n + Z_95**2), abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (7, 2), (30, 0), (15, 15)])
def test_exchanging_the_two_mirrors_the_interval(first: int, second: int) -> None:
    one, other = paired_drop_interval(first, second, 30), paired_drop_interval(second, first, 30)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


def test_the_interval_holds_the_estimate_for_every_table() -> None:
    for first, second in product(range(13), repeat=2):
        if first + second <= 12:
            interval = paired_drop_interval(first, second, 12)
            assert -1 <= interval.low <= (first - second) / 12 <= interval.high <= 1


@pytest.mark.parametrize(
    ("n", "minimum", "mean"),
    # Measured here over true shares in steps of 0.02, each coverage an exact sum over
    # all tables: minimum 0.9244, 0.9274, 0.9283; mean 0.9635, 0.9557, 0.9509.
    [(10, 0.924, 0.963), (20, 0.927, 0.955), (40, 0.928, 0.950)],
)
def test_coverage_stays_near_the_nominal(n: int, minimum: float, mean: float) -> None:
    coverages = _paired_coverages(n)
    assert coverages.min() >= minimum
    assert coverages.mean() >= mean


@pytest.mark.parametrize(("first", "second", "n"), [(1, 0, 0), (5, 6, 10), (-1, 0, 10)])
def test_more_differences_than_images_are_refused(first: int, second: int, n: int) -> None:
    with pytest.raises(MeasurementError, match="at most n differences"):
        paired_drop_interval(first, second, n)


def test_quantile_is_an_observed_sample_by_nearest_rank() -> None:
    samples = [40, 10, 30, 20]
    assert [quantile(samples, q) for q in (0.25, 0.26, 0.5, 0.75, 0.76, 1.0)] == [
        *(10, 20, 20, 30, 40, 40)
    ]
    oracle = np.quantile(range(1, 100), 0.9, method="inverted_cdf")
    assert quantile(range(1, 100), 0.9) == oracle


def test_no_samples_have_no_quantile() -> None:
    with pytest.raises(MeasurementError, match="run for longer"):
        quantile([], 0.5)


def test_a_percentile_needs_samples_enough_for_a_one_sided_bound() -> None:
    assert [samples_needed(q) for q in (0.5, 0.9, 0.99)] == [5, 29, 299]
    for q in (0.5, 0.9, 0.99):
        n = samples_needed(q)
        assert q**n <= 0.05 < q ** (n - 1)


def test_a_percentile_of_too_few_samples_is_none() -> None:
    assert percentile_ns(range(298), 0.99) is None
    assert percentile_ns(range(1, 300), 0.99) == 297


@pytest.mark.parametrize(("n", "q"), [(6, 0.5), (37, 0.5), (100, 0.5), (1000, 0.9)])
def test_quantile_interval_is_the_narrowest_that_binomial_tails_allow(n: int, q: float) -> None:
    interval = quantile_interval(range(1, n + 1), q)
    assert interval is not None
    low, high = int(interval.low), int(interval.high)  # the samples are their own ranks
    count = stats.binom(n, q)
    # The true quantile lies below the low-th sample when fewer than low samples are at or below it.
    assert count.cdf(low - 1) <= 0.025 < count.cdf(low)
    assert count.sf(high - 1) <= 0.025 < count.sf(high - 2)


def test_under_six_samples_the_median_has_no_interval() -> None:
    assert quantile_interval([]) is None
    assert quantile_interval(range(5)) is None
    assert 2 * 0.5**5 > 0.05 >= 2 * 0.5**6


def _oracle_score(first: int, second: int, n: int, drop: float) -> float:
    """Tango's statistic with the likelihood maximized by search, not by the closed form."""

    def loss(share: float) -> float:
        cells = ((first, share + drop), (second, share), (n - first - second, 1 - 2 * share - drop))
        return -sum(count * math.log(max(cell, 1e-300)) for count, cell in cells if count)

    low, high = max(0.0, -drop), (1 - drop) / 2
    best = optimize.minimize_scalar(
        loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    variance = n * (2 * best.x + drop * (1 - drop))
    return float((first - second - n * drop) / math.sqrt(variance))


def _paired_coverages(n: int) -> NDArray[np.float64]:
    """How often the interval holds the true drop, for every pair of true shares."""
    tables = [(b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    intervals = [paired_drop_interval(b, c, n) for b, c in tables]
    low, high = (np.array([getattr(i, end) for i in intervals]) for end in ("low", "high"))
    first, second = np.array(tables).T
    ways = np.array([math.comb(n, b) * math.comb(n - b, c) for b, c in tables], dtype=float)
    coverages = []
    for i, j in product(range(1, 50), repeat=2):
        if i + j <= 50:
            p, q, drop = i / 50, j / 50, (i - j) / 50
            rest = (50 - i - j) / 50
            chance = ways * p**first * q**second * rest ** (n - first - second)
            # The slack is for ends that are equal to the true drop but for rounding.
            holds = (low <= drop + 1e-12) & (drop - 1e-12 <= high)
            coverages.append(chance[holds].sum())
    return np.array(coverages)
