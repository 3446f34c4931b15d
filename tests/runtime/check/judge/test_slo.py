"""Limits of percentiles: how many inferences show one, against scipy's binomial."""

from __future__ import annotations

import random

import pytest
from scipy import stats

from strop.runtime.check.judge.slo import (
    ALPHA,
    inferences_needed,
    lower_bound_ns,
    slo_from_text,
    upper_bound_ns,
)
from strop.runtime.errors import PlanError

QUANTILES = (0.5, 0.9, 0.95, 0.99)


@pytest.mark.parametrize(
    ("text", "q", "limit_ns"),
    [
        ("p95<=50ms", 0.95, 50e6),
        ("p99.9 <= 0.5 s", 0.999, 500e6),
        ("p50<=120us", 0.5, 120e3),
    ],
)
def test_a_limit_is_a_percentile_and_a_time(text: str, q: float, limit_ns: float) -> None:
    slo = slo_from_text(text)
    assert (slo.q, slo.limit_ns) == pytest.approx((q, limit_ns))


@pytest.mark.parametrize(
    "text", ["", "p95", "p95<50ms", "p95<=50", "p49<=1ms", "p100<=1ms", "p95<=0ms", "p95<=-1ms"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="needed is a percentile from p50 to"):
        slo_from_text(text)


def test_as_many_inferences_are_needed_as_mlperf_asks_for() -> None:
    # 662: MultiStream.min_query_count of MLPerf's p99.
    assert [inferences_needed(q) for q in QUANTILES] == [11, 64, 130, 662]


@pytest.mark.parametrize("q", QUANTILES)
def test_one_inference_fewer_than_needed_bounds_nothing(q: float) -> None:
    n = inferences_needed(q)
    assert upper_bound_ns(range(n - 1), q) is None
    assert upper_bound_ns(range(n), q) == n - 1


@pytest.mark.parametrize("q", QUANTILES)
@pytest.mark.parametrize("n", [662, 1000, 5000])
def test_the_bounds_are_the_tightest_that_the_binomial_allows(q: float, n: int) -> None:
    samples = random.Random(n).sample(range(n), n)
    upper, lower = upper_bound_ns(samples, q), lower_bound_ns(samples, q)
    assert upper is not None
    assert lower is not None
    over = n - upper  # sample i of 0..n-1 has n - 1 - i above it; MLPerf keeps one more
    assert stats.binom.cdf(over, n, 1 - q) <= ALPHA < stats.binom.cdf(over + 1, n, 1 - q)
    # The true quantile is below sample `lower` where at most `lower` samples lie below it.
    assert stats.binom.cdf(lower, n, q) <= ALPHA < stats.binom.cdf(lower + 1, n, q)
    assert lower < q * n < upper


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_each_bound_misses_the_true_percentile_in_one_of_a_hundred(q: float) -> None:
    rng = random.Random(0)
    missed_above = missed_below = 0
    trials = 1000
    for _ in range(trials):
        samples = [int(1e9 * rng.random()) for _ in range(200)]
        upper, lower = upper_bound_ns(samples, q), lower_bound_ns(samples, q)
        assert upper is not None
        assert lower is not None
        missed_above += upper < q * 1e9
        missed_below += lower > q * 1e9
    # 22 of 1,000 at 1 % has probability 5e-4.
    assert max(missed_above, missed_below) <= 22
