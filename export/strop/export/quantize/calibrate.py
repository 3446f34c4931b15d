"""Measures the range and mean of every channel of every activation in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from strop.export.ir.execute import execute
from strop.export.ir.graph import LINEAR, Array, Op
from strop.export.passes.fold import DeployGraph
from strop.runtime.errors import QuantizationError

# Image i counts in group i % GROUPS: any half, quarter or eighth of the images can be
# looked at afterwards, in memory that does not grow with the images.
GROUPS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Smallest and largest real value that an activation took; low <= high."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        """Return the smallest range that holds both."""
        return Range(low=min(self.low, other.low), high=max(self.high, other.high))


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What the representative dataset showed.

    Attributes:
        low: Smallest real value by activation name, per channel: float64 [C].
        high: Largest real value, likewise.
        means: Mean before the fused activation, by the output's name, of every linear
            operation: float64 [C].
        images: How many images were seen, > 0.
        limits: Ranges that were chosen instead of the extremes, by activation name.
        group_low: `low` of every GROUPS-th image apart, by activation name: float64
            [GROUPS, C]; infinite in a group without images.
        group_high: `high` likewise, -infinite there.
    """

    low: Mapping[str, Array]
    high: Mapping[str, Array]
    means: Mapping[str, Array]
    images: int
    limits: Mapping[str, Range] = field(default_factory=dict)
    group_low: Mapping[str, Array] = field(default_factory=dict)
    group_high: Mapping[str, Array] = field(default_factory=dict)

    def range(self, name: str) -> Range:
        """Return the range to cover: the chosen one, or else that of all channels."""
        if name in self.limits:
            return self.limits[name]
        return Range(low=float(self.low[name].min()), high=float(self.high[name].max()))

    def expected_reach(self, name: str, groups: int) -> Array:
        """Return how far from 0 each channel is expected to go in so many groups of images.

        The largest values of groups of images are taken for a Gumbel distribution's, with their
        own mean and spread: float64 [C], at least what was seen.

        Source: E. J. Gumbel, Statistics of Extremes, 1958, section 5.2 (return values).
        """
        seen: Array = np.maximum(-self.low[name], self.high[name])
        if name not in self.group_high:
            return seen
        each = np.maximum(-self.group_low[name], self.group_high[name])
        each = each[np.isfinite(each).all(axis=1)]
        if len(each) < 2:
            return seen
        scale = each.std(axis=0, ddof=1) * (math.sqrt(6) / math.pi)
        expected: Array = np.maximum(seen, each.mean(axis=0) + scale * math.log(groups))
        return expected

    def limited(self, limits: Mapping[str, Range]) -> Calibration:
        """Return the same calibration with these ranges chosen."""
        return replace(self, limits=MappingProxyType({**self.limits, **limits}))

    def cut_off(self, name: str, values: Array) -> Array:
        """Cut an activation's values off at the range that was chosen for it, if one was."""
        if name not in self.limits:
            return values
        found = self.limits[name]
        return values.clip(min(found.low, 0.0), max(found.high, 0.0))

    def scaled(self, factors: Mapping[str, Array]) -> Calibration:
        """Return the calibration of a graph whose channels are multiplied by these, > 0."""

        def times(values: Mapping[str, Array]) -> Mapping[str, Array]:
            return MappingProxyType(
                {name: found * factors.get(name, 1.0) for name, found in values.items()}
            )

        return Calibration(
            low=times(self.low),
            high=times(self.high),
            means=times(self.means),
            images=self.images,
            group_low=times(self.group_low),
            group_high=times(self.group_high),
        )


def calibrate(deploy: DeployGraph, batches: Iterable[Array]) -> Calibration:
    """Run every image once and keep each channel's extremes and means.

    Args:
        deploy: The folded graph.
        batches: uint8 [N, H, W, C] each; memory holds one batch at a time.

    Raises:
        QuantizationError: An activation becomes NaN or infinite on a calibration image.
    """
    low: dict[str, Array] = {}
    high: dict[str, Array] = {}
    sums: dict[str, Array] = {}
    images = 0

    def observe(name: str, values: Array) -> Array:
        pixels = tuple(range(1, len(values.shape) - 1))
        least = values.min(pixels).astype(np.float64)
        most = values.max(pixels).astype(np.float64)
        if not np.isfinite([least, most]).all():
            raise QuantizationError(
                f"{name}: takes values {least.min()} to {most.max()} on the calibration images;"
                " are --mean and --std the ones that the model was trained with?"
            )
        groups = np.arange(images, images + len(least)) % GROUPS
        np.minimum.at(low.setdefault(name, _each_group(least, np.inf)), groups, least)
        np.maximum.at(high.setdefault(name, _each_group(most, -np.inf)), groups, most)
        return values

    for batch in batches:
        execute(deploy.graph, deploy.reals(batch), observe, partial(_add_means, sums))
        images += len(batch)
    return Calibration(
        low=MappingProxyType({name: found.min(0) for name, found in low.items()}),
        high=MappingProxyType({name: found.max(0) for name, found in high.items()}),
        means=_divided(sums, images),
        images=images,
        group_low=MappingProxyType(low),
        group_high=MappingProxyType(high),
    )


def _each_group(values: Array, start: float) -> Array:
    """Return the same number for every channel of [N, C] in every group."""
    return np.full((GROUPS, values.shape[-1]), start)


def remeasure(
    deploy: DeployGraph, calibration: Calibration, batches: Iterable[Array]
) -> Calibration:
    """Return the means of a float graph that is cut off at the chosen ranges.

    They are what bias correction is to restore. The true means hold the extremes that a
    narrower range cuts off, and moving every value of a channel for a few of them is
    worse than losing these (MobileNetV2: 14 dB at the scores instead of 24).

    Args:
        deploy: The graph.
        calibration: Its ranges.
        batches: uint8 [N, H, W, C] each.
    """
    sums: dict[str, Array] = {}

    images = 0
    for batch in batches:
        execute(deploy.graph, deploy.reals(batch), calibration.cut_off, partial(_add_means, sums))
        images += len(batch)
    return replace(calibration, means=_divided(sums, images))


def _add_means(sums: dict[str, Array], op: Op, values: Array) -> None:
    """Add every image's channel means of a linear operation's result."""
    if op.kind in LINEAR:
        sums[op.output] = sums.get(op.output, 0.0) + channel_mean(values) * len(values)


def _divided(sums: Mapping[str, Array], images: int) -> Mapping[str, Array]:
    return MappingProxyType({name: total / images for name, total in sums.items()})


def channel_mean(values: Array) -> Array:
    """Mean over all but the last dimension, float64 [C]."""
    axes = tuple(range(len(values.shape) - 1))
    mean: Array = values.mean(axes, dtype=np.float64)
    return mean
