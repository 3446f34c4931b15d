"""One pass over the representative dataset: what every channel of every activation takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from strop.export.execute import execute
from strop.export.fold import DeployGraph
from strop.export.graph import LINEAR, Array, Op
from strop.runtime.errors import QuantizationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Smallest and largest real value that an activation took; low <= high."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        """The smallest range that holds both."""
        return Range(low=min(self.low, other.low), high=max(self.high, other.high))


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What the representative dataset showed.

    Attributes:
        low: Smallest real value by activation name, one a channel: float64 [C].
        high: Largest real value, likewise.
        means: Mean before the fused activation, by the output's name, of every linear
            operation: float64 [C].
        images: How many images were seen, > 0.
        limits: Ranges that were chosen instead of the extremes, by activation name.
    """

    low: Mapping[str, Array]
    high: Mapping[str, Array]
    means: Mapping[str, Array]
    images: int
    limits: Mapping[str, Range] = field(default_factory=dict)

    def range(self, name: str) -> Range:
        """What int8 is to cover: the chosen range, or else all that any channel took."""
        if name in self.limits:
            return self.limits[name]
        return Range(low=float(self.low[name].min()), high=float(self.high[name].max()))

    def limited(self, limits: Mapping[str, Range]) -> Calibration:
        """The same with these ranges chosen."""
        return replace(self, limits=MappingProxyType({**self.limits, **limits}))

    def scaled(self, factors: Mapping[str, Array]) -> Calibration:
        """The same images seen by a graph whose channels are multiplied by these, > 0."""

        def times(values: Mapping[str, Array]) -> Mapping[str, Array]:
            return MappingProxyType(
                {name: found * factors.get(name, 1.0) for name, found in values.items()}
            )

        return Calibration(
            low=times(self.low), high=times(self.high), means=times(self.means), images=self.images
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

    def observe(name: str, values: tf.Tensor) -> tf.Tensor:
        channels = tf.reshape(values, (-1, values.shape[-1]))
        least = tf.reduce_min(channels, 0).numpy().astype(np.float64)
        most = tf.reduce_max(channels, 0).numpy().astype(np.float64)
        if not np.isfinite([least, most]).all():
            raise QuantizationError(
                f"{name}: takes values {least.min()} to {most.max()} on the calibration images;"
                " are --mean and --std the ones that the model was trained with?"
            )
        low[name] = np.minimum(low.get(name, least), least)
        high[name] = np.maximum(high.get(name, most), most)
        return values

    images = 0
    for batch in batches:
        execute(deploy.graph, deploy.reals(batch), observe, partial(_add_means, sums))
        images += len(batch)
    return Calibration(
        low=MappingProxyType(low),
        high=MappingProxyType(high),
        means=_divided(sums, images),
        images=images,
    )


def remeasure(
    deploy: DeployGraph, calibration: Calibration, batches: Iterable[Array]
) -> Calibration:
    """The means of a float graph that is cut off at the chosen ranges.

    They are what bias correction is to restore. The true means hold the extremes that a
    narrower range cuts off, and moving every value of a channel for the sake of a few is
    worse than losing these (MobileNetV2: 14 dB at the scores instead of 24).

    Args:
        deploy: The graph.
        calibration: Its ranges.
        batches: uint8 [N, H, W, C] each.
    """
    sums: dict[str, Array] = {}

    def cut_off(name: str, values: tf.Tensor) -> tf.Tensor:
        if name not in calibration.limits:
            return values
        found = calibration.limits[name]
        return tf.clip_by_value(values, min(found.low, 0.0), max(found.high, 0.0))

    images = 0
    for batch in batches:
        execute(deploy.graph, deploy.reals(batch), cut_off, partial(_add_means, sums))
        images += len(batch)
    return replace(calibration, means=_divided(sums, images))


def _add_means(sums: dict[str, Array], op: Op, values: tf.Tensor) -> None:
    """Add every image's channel means of a linear operation's result."""
    if op.kind in LINEAR:
        sums[op.output] = sums.get(op.output, 0.0) + channel_mean(values) * len(values)


def _divided(sums: Mapping[str, Array], images: int) -> Mapping[str, Array]:
    return MappingProxyType({name: total / images for name, total in sums.items()})


def channel_mean(values: tf.Tensor) -> Array:
    """Mean over all but the last dimension, float64 [C]."""
    axes = tuple(range(len(values.shape) - 1))
    mean: Array = tf.reduce_mean(values, axes).numpy().astype(np.float64)
    return mean
