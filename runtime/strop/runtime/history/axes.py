"""Where an axis begins and ends, and at which round values it is labelled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MAX_VALUE_TICKS = 6
MAX_TIME_STEPS = 3.5  # "2026-01-31" is 72 of a chart's 346 units wide
MAX_MONTH_STEPS = 4  # their labels are shorter
LEAST_REL_SPAN = 0.1  # of an axis, or noise of 0.1 % looks like news
MARGIN = 0.05  # of the span, on either side
S_PER_DAY = 86_400
# Round steps of time up to two weeks, in seconds, and from a month on, in months.
STEPS_S = (
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200),
    *(days * S_PER_DAY for days in (1, 2, 3, 5, 7, 14)),
)
STEPS_MONTHS = (1, 2, 3, 4, 6, 12, 24, 36, 48, 60, 120)


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A stretch of numbers with its labels.

    Attributes:
        low: Where it begins.
        high: Where it ends, > low.
        ticks: Values within it, and how they are written.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the beginning and 1 at the end."""
        return (value - self.low) / (self.high - self.low)


def value_axis(values: Sequence[float]) -> Axis:
    """An axis that holds all values, one at least, all > 0; it need not begin at 0."""
    low, high = min(values), max(values)
    middle = (low + high) / 2
    half = max((high - low) / 2 * (1 + 2 * MARGIN), middle * LEAST_REL_SPAN / 2)
    low, high = middle - half, middle + half
    step = _round_step((high - low) / MAX_VALUE_TICKS)
    first = math.ceil(low / step)
    values_at = [i * step for i in range(first, math.floor(high / step) + 1)]
    digits = max(0, -math.floor(math.log10(step)))
    return Axis(low=low, high=high, ticks=tuple((at, f"{at:.{digits}f}") for at in values_at))


def time_axis(moments: Sequence[datetime]) -> Axis:
    """An axis of seconds since EPOCH that holds all moments, one at least."""
    first, last = min(moments), max(moments)
    span_s = (last - first).total_seconds()
    margin_s = span_s * MARGIN or S_PER_DAY / 2
    low, high = seconds(first) - margin_s, seconds(last) + margin_s
    ticks = tuple((at, text) for at, text in _time_ticks(low, high) if low <= at <= high)
    return Axis(low=low, high=high, ticks=ticks)


def seconds(moment: datetime) -> float:
    """Since EPOCH."""
    return (moment - EPOCH).total_seconds()


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _time_ticks(low: float, high: float) -> Iterator[tuple[float, str]]:
    for step_s in STEPS_S:
        if (high - low) / step_s <= MAX_TIME_STEPS:
            pattern = "%Y-%m-%d" if step_s >= S_PER_DAY else "%m-%d %H:%M"
            for i in range(math.ceil(low / step_s), math.floor(high / step_s) + 1):
                at = EPOCH + timedelta(seconds=i * step_s)
                yield i * step_s, at.strftime(pattern)
            return
    yield from _month_ticks(low, high)


def _month_ticks(low: float, high: float) -> Iterator[tuple[float, str]]:
    begin, end = EPOCH + timedelta(seconds=low), EPOCH + timedelta(seconds=high)
    first = begin.year * 12 + begin.month - 1
    last = end.year * 12 + end.month - 1
    step = next(
        (step for step in STEPS_MONTHS if (last - first) / step <= MAX_MONTH_STEPS),
        STEPS_MONTHS[-1],
    )
    for month in range(math.ceil(first / step) * step, last + 1, step):
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
        yield seconds(at), at.strftime("%Y-%m")
