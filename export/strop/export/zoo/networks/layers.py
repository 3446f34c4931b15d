"""What the networks are made of: convolutions with batch norm, shuffles, the classifier."""

from __future__ import annotations

from typing import Any

import keras


def convolution(
    x: Any,
    filters: int,
    *,
    size: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: str | None = None,
) -> Any:
    """Convolution and batch norm; `activation` is Keras' name of what follows.

    Args:
        x: [N, H, W, C].
        filters: Channels of the result; a multiple of `groups`, as C is.
        size: Side of the square kernel.
        stride: Of rows and columns.
        groups: Each reads its share of the channels only.
        activation: "relu", "relu6", or None.
    """
    x = keras.layers.Conv2D(
        filters, size, strides=stride, padding="same", groups=groups, use_bias=False
    )(x)
    return _normalized(x, activation)


def depthwise(x: Any, *, size: int = 3, stride: int = 1, activation: str | None = None) -> Any:
    """Depthwise convolution and batch norm."""
    x = keras.layers.DepthwiseConv2D(size, strides=stride, padding="same", use_bias=False)(x)
    return _normalized(x, activation)


def _normalized(x: Any, activation: str | None) -> Any:
    x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return x if activation is None else keras.layers.Activation(activation)(x)


def channel_shuffle(x: Any, groups: int) -> Any:
    """Channel k of group i becomes channel k * groups + i.

    Source: X. Zhang et al., ShuffleNet, arXiv:1707.01083, section 3.1.
    """
    height, width, channels = x.shape[1:]
    x = keras.layers.Reshape((height, width, groups, channels // groups))(x)
    x = keras.layers.Permute((1, 2, 4, 3))(x)
    return keras.layers.Reshape((height, width, channels))(x)


def classifier(x: Any, classes: int, *, dropout: float = 0.0) -> Any:
    """Mean over rows and columns, and the probabilities of the classes."""
    x = keras.layers.GlobalAveragePooling2D()(x)
    if dropout:
        x = keras.layers.Dropout(dropout)(x)
    return keras.layers.Dense(classes, activation="softmax")(x)


def scaled(channels: int, alpha: float, step: int) -> int:
    """`channels * alpha`, to the nearest multiple of `step`, at least one."""
    return max(1, int(channels * alpha / step + 0.5)) * step
