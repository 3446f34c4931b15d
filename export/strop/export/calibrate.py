"""One pass over the representative dataset: what every channel of every activation takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    """

    low: Mapping[str, Array]
    high: Mapping[str, Array]
    means: Mapping[str, Array]
    images: int

    def range(self, name: str) -> Range:
        """Over all channels."""
        return Range(low=float(self.low[name].min()), high=float(self.high[name].max()))

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

    def observe_unfused(op: Op, values: tf.Tensor) -> None:
        if op.kind in LINEAR:
            mean = channel_mean(values) * len(values)
            sums[op.output] = sums.get(op.output, 0.0) + mean

    images = 0
    for batch in batches:
        pixels = tf.cast(batch, tf.float32) - float(deploy.input_offset)
        execute(deploy.graph, pixels, observe, observe_unfused)
        images += len(batch)
    return Calibration(
        low=MappingProxyType(low),
        high=MappingProxyType(high),
        means=MappingProxyType({name: total / images for name, total in sums.items()}),
        images=images,
    )


def channel_mean(values: tf.Tensor) -> Array:
    """Mean over all but the last dimension, float64 [C]."""
    axes = tuple(range(len(values.shape) - 1))
    mean: Array = tf.reduce_mean(values, axes).numpy().astype(np.float64)
    return mean
