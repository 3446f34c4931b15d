"""Intervals and percentiles that claim no more than the samples carry."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import MeasurementError

CONFIDENCE = 0.95
Z_95 = 1.959963984540054  # 0.975 quantile of the standard normal distribution
BISECTION_STEPS = 64  # halves of [-1, 1]: the last is below one float64 step at 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A two-sided 95 % confidence interval, both ends included.

    Attributes:
        low: Lower end, in the unit of what is estimated.
        high: Upper end, >= low.
    """

    low: float
    high: float

    def within(self, least: float, most: float = math.inf) -> Interval:
        """Return it without what cannot be, as a share above 1 or a distance below 0."""
        return Interval(low=max(self.low, least), high=min(self.high, most))


def wilson_interval(successes: float, n: int) -> Interval:
    """The 95 % score interval of a share, for accuracy and agreement.

    Args:
        successes: How many of the n, 0 to n; not whole for a mean of shares.
        n: Images, >= 1.

    Returns:
        Shares in 0..1; exactly 0 or 1 where no or every image is a success.

    Raises:
        MeasurementError: No images, or more successes than images.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical
    Inference, JASA 22 (1927), 209-212.
    """
    if not 0 <= successes <= n or n == 0:
        raise MeasurementError(
            f"share of {successes} in {n}: needed are 1 or more images and 0 to n successes"
        )
    share = successes / n
    z2 = Z_95 * Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(
        low=0.0 if successes == 0 else centre - half,
        high=1.0 if successes == n else centre + half,
    )


def paired_drop_interval(only_first: int, only_second: int, n: int) -> Interval:
    """The 95 % score interval of the drop (only_first - only_second) / n.

    Both classifiers saw the same images, so only the images on which they differ carry
    evidence; with none, the interval is +-z^2 / (n + z^2), not a point.

    Args:
        only_first: Images that only the first (the reference) gets right.
        only_second: Images that only the second gets right.
        n: All images, those on which both are right or both wrong included.

    Returns:
        The drop as a share in -1..1; positive where the second is worse.

    Raises:
        MeasurementError: No images, or more differences than images.

    Source: T. Tango, Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design, Statistics in Medicine 17 (1998), 891-908,
    eq. 24-26.
    """
    if min(only_first, only_second) < 0 or n < 1 or only_first + only_second > n:
        raise MeasurementError(
            f"drop from {only_first} and {only_second} differences in {n} images: needed are"
            " 1 or more images and at most n differences"
        )
    estimate = (only_first - only_second) / n

    def score(drop: float) -> float:
        return _paired_score(only_first, only_second, n, drop)

    # The statistic falls as the assumed drop grows: +z at the lower end, -z at the upper.
    return Interval(
        low=_last_above(score, Z_95, low=-1.0, high=estimate),
        high=_last_above(score, -Z_95, low=estimate, high=1.0),
    )


def _paired_score(only_first: int, only_second: int, n: int, drop: float) -> float:
    """Tango's statistic: how many standard errors the data lie above `drop`.

    The share of `only_second` is its maximum-likelihood estimate given that the true
    difference is `drop`, the positive root of a quadratic.
    """
    excess = only_first - only_second - n * drop
    a = 2 * n
    b = -only_first - only_second + (2 * n - only_first + only_second) * drop
    c = -only_second * drop * (1 - drop)
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    # -2c / (b + root) is the same root; it keeps its digits where b is close to root.
    share = (root - b) / (2 * a) if b <= 0 else -2 * c / (b + root)
    variance = n * (2 * share + drop * (1 - drop))
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)


def _last_above(score: Callable[[float], float], level: float, *, low: float, high: float) -> float:
    """Where a falling `score` crosses `level`, by bisection within [low, high]."""
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        if score(middle) > level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def quantile(samples: Sequence[int], q: float) -> int:
    """The q-quantile by nearest rank: an observed sample, never a value between two.

    Args:
        samples: Any order, at least one.
        q: In (0, 1].

    Returns:
        The smallest sample that at least q of all samples do not exceed.

    Raises:
        MeasurementError: No samples.
    """
    if not samples:
        raise MeasurementError("no samples, so no quantile; let the measurement run for longer")
    return sorted(samples)[math.ceil(q * len(samples)) - 1]


def samples_needed(q: float) -> int:
    """The fewest samples whose largest bounds the q-quantile from above with 95 %.

    All n samples lie below the true quantile with probability q^n, whatever the
    distribution; n is the first with q^n <= 0.05: 5 for p50, 29 for p90, 299 for p99.

    Source: S. S. Wilks, Determination of Sample Sizes for Setting Tolerance Limits,
    Annals of Mathematical Statistics 12 (1941), 91-96.
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(q))


def percentile_ns(samples_ns: Sequence[int], q: float) -> int | None:
    """The q-quantile of the samples, or None where they are too few to state it."""
    return quantile(samples_ns, q) if len(samples_ns) >= samples_needed(q) else None


def quantile_interval(samples: Sequence[int], q: float = 0.5) -> Interval | None:
    """The distribution-free 95 % interval of the q-quantile, the median by default.

    How many of n independent samples lie at or below the true quantile is binomial, so
    two order statistics bracket it; each end misses with at most 2.5 %. Samples taken
    one after the other in one process are not independent: the interval then describes
    this run, and a next run may lie outside it.

    Args:
        samples: Any order.
        q: In (0, 1).

    Returns:
        Two observed samples, or None where the samples are too few (under 6 for the
        median).

    Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., 2003, sec. 7.1.
    """
    n = len(samples)
    if n == 0:
        return None
    at_most = binomial_cumulative(n, q)  # at_most[k] = P(count <= k)
    tail = (1 - CONFIDENCE) / 2
    below = int(np.searchsorted(at_most, tail, side="right"))  # counts k with P(<= k) <= tail
    above = int(np.searchsorted(at_most, 1 - tail, side="left"))  # first k with P(<= k) >= 1 - tail
    if below == 0 or above >= n:
        return None
    ordered = sorted(samples)
    return Interval(low=ordered[below - 1], high=ordered[above])


def binomial_cumulative(n: int, q: float) -> NDArray[np.float64]:
    """P(count <= k) for k = 0..n: float64 [n + 1]."""
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    k = np.arange(n + 1)
    log_share = (
        log_factorial[n]
        - log_factorial
        - log_factorial[::-1]
        + k * math.log(q)
        + (n - k) * math.log1p(-q)
    )
    total: NDArray[np.float64] = np.cumsum(np.exp(log_share))
    return total
