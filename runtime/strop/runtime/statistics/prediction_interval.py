"""Predicts where the next value lies, from a few earlier ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from strop.runtime.statistics.student import student_quantile


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The interval of the next value, in the unit of the earlier ones.

    Attributes:
        centre: Their mean.
        scale: Standard deviation of its distance from the mean.
        degrees: Of freedom.
    """

    centre: float
    scale: float
    degrees: int

    def half_width(self, p: float) -> float:
        """The next value is that far above the centre, or less, with probability p.

        Source: G. J. Hahn and W. Q. Meeker, Statistical Intervals, 1991, sec. 4.7.
        """
        return student_quantile(p, self.degrees) * self.scale


def prediction(values: Sequence[float]) -> Prediction:
    """Predict from two or more independent values of a normal distribution."""
    n = len(values)
    return Prediction(
        centre=fmean(values), scale=stdev(values) * math.sqrt(1 + 1 / n), degrees=n - 1
    )
