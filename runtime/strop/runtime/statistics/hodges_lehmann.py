"""The centre of a few values, with bounds that hold for any symmetric noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.signed_rank import critical_sum, cumulative_null, walsh_averages


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
