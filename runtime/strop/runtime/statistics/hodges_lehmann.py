"""Estimates the centre of a few values, with bounds that hold for any symmetric noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.signed_rank import critical_sum, cumulative_null, walsh_averages

POWER = 0.95  # how often `detectable_increase` is found


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A centre between its bounds, in the values' unit.

    Attributes:
        centre: Hodges-Lehmann: the median of the Walsh averages.
        low: Lower bound: the true centre is below it with probability 1 - confidence at most.
        high: Upper bound, alike.
        confidence: Of each bound alone, 0..1.
    """

    centre: float
    low: float
    high: float
    confidence: float


def estimate(values: Sequence[float], *, alpha: float) -> Estimate:
    """Hodges-Lehmann's estimate with the bounds of the exact signed-rank test.

    Args:
        values: Independent and symmetric about one centre, at least one.
        alpha: What each bound may miss, one-sided. Where the values are too few for that
            (6 for 1 %), the bounds are the extreme values, with the confidence that those
            have.

    Raises:
        MeasurementError: No values.

    Source: J. L. Hodges and E. L. Lehmann, Estimates of Location Based on Rank Tests,
    Annals of Mathematical Statistics 34 (1963), 598-611; M. Hollander, D. A. Wolfe and
    E. Chicken, Nonparametric Statistical Methods, 3rd ed., 2014, sec. 3.3.
    """
    if not values:
        raise MeasurementError("no values, so no centre; measure one pair at least")
    averages = walsh_averages(values)
    k = critical_sum(len(values), alpha) or 0
    return Estimate(
        centre=float(np.median(averages)),
        low=float(averages[k]),
        high=float(averages[-1 - k]),
        confidence=1 - float(cumulative_null(len(values))[k]),
    )


def detectable_increase(
    bounds: Estimate, *, pairs: int, planned: int, tolerance: float, alpha: float
) -> float:
    """The smallest true increase that a check with this noise finds 95 times in 100.

    The noise is taken from the distance of the bounds, which an outlying pair widens no more
    than it hinders the test: distance / (2 z) estimates the standard error of the centre.
    Source: E. L. Lehmann, Nonparametric Confidence Intervals for a Shift Parameter, Annals of
    Mathematical Statistics 34 (1963), 1507-1512.

    Args:
        bounds: Of the pairs' logarithms of new over old.
        pairs: How many these are, two at least.
        planned: How many there would have been, had the slowdown been there: a check ends
            early only if all is well.
        tolerance: Relative increase that the test is against, 0.02 = 2 %.
        alpha: Of the test, one-sided.

    Returns:
        A relative increase, >= tolerance.

    Raises:
        MeasurementError: Fewer than two pairs.
    """
    if pairs < 2:
        raise MeasurementError(f"{pairs} pairs tell nothing of the noise; needed are 2 or more")
    quantile = NormalDist().inv_cdf
    error = (bounds.high - bounds.low) / 2 / quantile(bounds.confidence)
    of_all_planned = error * math.sqrt(pairs / planned)
    needed = (quantile(1 - alpha) + quantile(POWER)) * of_all_planned
    return math.expm1(math.log1p(tolerance) + needed)
