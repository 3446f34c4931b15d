"""Computes quantiles of Student's t distribution."""

from __future__ import annotations

import math

BISECTION_STEPS = 64  # below one float64 step of any quantile that is asked for


def student_quantile(p: float, degrees: int) -> float:
    """The p-quantile of Student's t.

    Args:
        p: In (0.5, 1).
        degrees: Of freedom, >= 1.

    Returns:
        To 1e-9 or better.
    """
    low, high = 0.0, 1.0
    while _cumulative(high, degrees) < p:
        high *= 2
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        if _cumulative(middle, degrees) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _cumulative(t: float, degrees: int) -> float:
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
