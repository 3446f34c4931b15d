"""Bounds a share by a few trials, without approximation."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
BISECTION_STEPS = 60


def at_most(successes: int, n: int) -> float:
    """The largest share that so few successes in n do not exclude, one-sided 95 %.

    Source: C. J. Clopper and E. S. Pearson, The Use of Confidence or Fiducial Limits
    Illustrated in the Case of the Binomial, Biometrika 26 (1934), 404-413.
    """
    if successes >= n:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(BISECTION_STEPS):
        share = (low + high) / 2
        if _cumulative(successes, n, share) > 1 - CONFIDENCE:
            low = share
        else:
            high = share
    return high


def at_least(successes: int, n: int) -> float:
    """The smallest share that so many successes in n do not exclude, one-sided 95 %."""
    return 1 - at_most(n - successes, n)


def _cumulative(k: int, n: int, share: float) -> float:
    """P(X <= k) of the binomial."""
    return math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(k + 1))
