"""Wilcoxon's signed-rank statistic: its exact null distribution, and p-values from it.

It asks only that under the hypothesis every value is as likely to lie above the assumed
centre as to lie as far below it. Pairs of processes whose labels are drawn by lot give that
by construction, whatever the shape of the noise.

Source: F. Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1
(1945), 80-83; M. Hollander, D. A. Wolfe and E. Chicken, Nonparametric Statistical Methods,
3rd ed., 2014, sec. 3.1-3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def cumulative_null(n: int) -> NDArray[np.float64]:
    """P(T <= t) for t = 0..n(n + 1)/2, T the sum of the positive values' ranks.

    Args:
        n: How many values, >= 1.

    Returns:
        float64 [n(n + 1)/2 + 1], exact for n up to 50: counts below 2^53.
    """
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1
    for rank in range(1, n + 1):
        # Each rank is in the sum or not: the counts, and themselves moved by the rank.
        counts[rank:] += counts[:-rank].copy()
    cumulative: NDArray[np.float64] = np.cumsum(counts) / 2.0**n
    cumulative.flags.writeable = False  # the cache hands the same array to everybody
    return cumulative


def critical_sum(n: int, alpha: float) -> int | None:
    """The largest k with P(T <= k) <= alpha; None where even P(T = 0) is more.

    Args:
        n: How many values, >= 1.
        alpha: One-sided, 0..1.
    """
    at_most = int(np.searchsorted(cumulative_null(n), alpha, side="right"))
    return at_most - 1 if at_most else None


def walsh_averages(values: Sequence[float]) -> NDArray[np.float64]:
    """The means of all pairs of values, each value with itself included, ascending.

    As many of them lie above a centre as the signed ranks about that centre sum up to.

    Returns:
        float64 [n(n + 1)/2].
    """
    array = np.asarray(values, np.float64)
    first, second = np.triu_indices(len(array))
    averages: NDArray[np.float64] = np.sort((array[first] + array[second]) / 2)
    return averages


def p_above(values: Sequence[float], centre: float) -> float:
    """One-sided p-value of the values lying symmetrically about `centre`, or lower.

    Averages that equal the centre count for the hypothesis, so that ties make no alarm.

    Args:
        values: At least one.
        centre: In their unit.
    """
    averages = walsh_averages(values)
    not_above = int(np.count_nonzero(averages <= centre))
    return float(cumulative_null(len(values))[not_above])
