"""ShuffleNetV2: half of the channels pass by, the other half are convolved, all are shuffled.

Source: N. Ma et al., ShuffleNet V2, arXiv:1807.11164, figure 3 (c, d) and table 5.
Convolutions pad as Keras does (SAME).
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.layers import channel_shuffle, classifier, convolution, depthwise

STEM = 24
REPEATS = (4, 8, 4)
WIDTHS = {  # of stages 2, 3 and 4, and of the last convolution, by alpha
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def shufflenet_v2(*, input_shape: tuple[int, int, int], alpha: float, classes: int) -> Any:
    """Build a ShuffleNetV2 with fresh weights.

    Args:
        input_shape: Height, width, channels; pixels as the caller normalizes them.
        alpha: 0.5, 1, 1.5 or 2.
        classes: Length of a row of scores.

    Returns:
        A keras.Model.
    """
    *widths, last = WIDTHS[alpha]
    image = keras.Input(input_shape)
    x = convolution(image, STEM, size=3, stride=2, activation="relu")
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for width, repeats in zip(widths, REPEATS, strict=True):
        x = _downsampled(x, width)
        for _ in range(repeats - 1):
            x = _unit(x, width)
    x = convolution(x, last, activation="relu")
    return keras.Model(image, classifier(x, classes), name="shufflenet_v2")


def _unit(x: Any, filters: int) -> Any:
    """Figure 3 (c)."""
    half = filters // 2
    x, y = x[..., :half], x[..., half:]
    y = convolution(y, half, activation="relu")
    y = convolution(depthwise(y), half, activation="relu")
    return channel_shuffle(keras.layers.Concatenate()([x, y]), 2)


def _downsampled(x: Any, filters: int) -> Any:
    """Figure 3 (d): both branches read all channels, at stride 2."""
    half = filters // 2
    y = convolution(x, half, activation="relu")
    y = convolution(depthwise(y, stride=2), half, activation="relu")
    x = convolution(depthwise(x, stride=2), half, activation="relu")
    return channel_shuffle(keras.layers.Concatenate()([x, y]), 2)
