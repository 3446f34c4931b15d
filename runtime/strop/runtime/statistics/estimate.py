"""A figure with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from strop.runtime.statistics.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A figure measured on images, or a difference of two.

    Attributes:
        value: The figure: a share, 0 to 1, or a difference of shares, -1 to 1.
        interval: 95 %, over the images.
    """

    value: float
    interval: Interval

    def complement(self) -> Estimate:
        """Return what a share lacks to 1."""
        low, high = self.interval.low, self.interval.high
        return Estimate(value=1 - self.value, interval=Interval(low=1 - high, high=1 - low))
