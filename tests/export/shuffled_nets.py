"""Small nets in which channels are shuffled, split, joined and convolved in groups."""

from __future__ import annotations

from typing import Any

import keras
from tests.export.graphs import CLASSES, with_live_statistics

from strop.export.zoo.networks.layers import channel_shuffle, convolution, depthwise
from strop.export.zoo.weights import randomize

SIZE = 16


def passing_by(units: int = 6) -> keras.Model:
    """As ShuffleNetV2: half of the channels pass by. More units than XNNPACK joins tensors."""
    image, x = _stem(12)
    for _ in range(units):
        x, y = x[..., :6], x[..., 6:]
        y = convolution(y, 6, activation="relu")
        y = convolution(depthwise(y), 6, activation="relu")
        x = channel_shuffle(keras.layers.Concatenate()([x, y]), 2)
    y = convolution(x, 8, activation="relu")
    x = convolution(depthwise(x, stride=2), 8)
    return _model(image, keras.layers.Concatenate()([x, depthwise(y, stride=2)]))


def in_groups(groups: int = 3) -> keras.Model:
    """As ShuffleNetV1: shuffled between convolutions in groups."""
    image, x = _stem(12)
    for first_groups in (1, groups):
        y = convolution(x, 6, groups=first_groups, activation="relu")
        y = depthwise(channel_shuffle(y, groups))
        x = keras.layers.ReLU()(keras.layers.Add()([x, convolution(y, 12, groups=groups)]))
    y = channel_shuffle(convolution(x, 6, groups=groups, activation="relu"), groups)
    y = convolution(depthwise(y, stride=2), 12, groups=groups)
    x = keras.layers.AveragePooling2D(3, strides=2)(keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    return _model(image, keras.layers.ReLU()(keras.layers.Concatenate()([x, y])))


def in_between() -> keras.Model:
    """A shuffle from one dense convolution to another, through depthwise and pooling."""
    image, x = _stem(12)
    x = depthwise(channel_shuffle(x, 4))
    return _model(image, convolution(keras.layers.MaxPooling2D(2)(x), 8, activation="relu"))


def awkward() -> keras.Model:
    """Channels that are read twice, reversed in halves, added, and flattened in their order."""
    image, x = _stem(8)
    low, high = x[..., :3], x[..., 3:]
    low, high = keras.layers.Concatenate()([low, low]), channel_shuffle(high[..., 1:], 2)
    x = keras.layers.Concatenate()([high, low, high])
    x = keras.layers.Add()([channel_shuffle(x, 7), depthwise(x)])
    x = keras.layers.MaxPooling2D(4)(channel_shuffle(x, 2))
    return _classified(image, keras.layers.Flatten()(x))


def _stem(filters: int) -> tuple[Any, Any]:
    keras.utils.set_random_seed(11)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    return image, convolution(x, filters, size=3, stride=2, activation="relu")


def _model(image: Any, x: Any) -> keras.Model:
    return _classified(image, keras.layers.GlobalAveragePooling2D()(x))


def _classified(image: Any, x: Any) -> keras.Model:
    model = keras.Model(image, keras.layers.Dense(CLASSES)(x))
    # Kernels that keep the size of activations, so that every layer shows in the scores.
    randomize(model, 0)
    return with_live_statistics(model)


NETS = {
    "passing_by": passing_by,
    "in_groups": in_groups,
    "in_between": in_between,
    "awkward": awkward,
}
