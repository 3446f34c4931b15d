"""How large a slowdown a check would have found: what its silence is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strop.runtime.errors import MeasurementError

POWER = 0.95
BISECTION_STEPS = 64  # below one float64 step of any quantile that is asked for


def detectable_increase(log_ratios: Sequence[float], *, tolerance: float, alpha: float) -> float:
    """The smallest true increase that a check with this noise finds 95 times in 100.

    By the t-test's power, as an approximation to the signed-rank test's.

    Args:
        log_ratios: Natural logarithms of new over old, one a pair, two at least.
        tolerance: Relative increase that the test is against, 0.02 = 2 %.
        alpha: Of the test, one-sided.

    Returns:
        A relative increase, >= tolerance.

    Raises:
        MeasurementError: Fewer than two pairs.
    """
    n = len(log_ratios)
    if n < 2:
        raise MeasurementError(f"{n} pairs tell nothing of the noise; needed are 2 or more")
    quantiles = student_quantile(1 - alpha, n - 1) + student_quantile(POWER, n - 1)
    return math.exp(math.log1p(tolerance) + quantiles * deviation(log_ratios) / math.sqrt(n)) - 1


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of two or more values (divided by n - 1)."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def student_quantile(p: float, degrees: int) -> float:
    """The p-quantile of Student's t.

    Args:
        p: In (0.5, 1).
        degrees: Of freedom, >= 1.

    Returns:
        To 1e-9 or better.
    """
    low, high = 0.0, 1.0
    while _student_cumulative(high, degrees) < p:
        high *= 2
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        if _student_cumulative(middle, degrees) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _student_cumulative(t: float, degrees: int) -> float:
    """P(T <= t), t >= 0, by the finite sums for whole degrees of freedom.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 1964,
    eq. 26.7.3 and 26.7.4.
    """
    angle = math.atan2(t, math.sqrt(degrees))
    is_odd = degrees % 2
    term = math.cos(angle) if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + is_odd, degrees - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    within = math.sin(angle) * total
    if is_odd:
        within = 2 / math.pi * (angle + within)
    return (1 + within) / 2
