"""How large a slowdown a check would have found: what its silence is worth."""

from __future__ import annotations

import math
from statistics import NormalDist

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.hodges_lehmann import Estimate

POWER = 0.95


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
