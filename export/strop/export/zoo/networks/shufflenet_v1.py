"""ShuffleNetV1: 1x1 convolutions in groups, with the channels shuffled in between.

Source: X. Zhang et al., ShuffleNet, arXiv:1707.01083, figure 2 (the units) and table 1
(the network). Convolutions pad as Keras does (SAME).
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.layers import (
    channel_shuffle,
    classifier,
    convolution,
    depthwise,
    scaled,
)

STEM = 24
REPEATS = (4, 8, 4)
WIDTHS = {  # of stages 2, 3 and 4, by the number of groups
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}


def shufflenet_v1(
    *, input_shape: tuple[int, int, int], alpha: float, classes: int, groups: int
) -> Any:
    """Build a ShuffleNetV1 with fresh weights.

    Args:
        input_shape: Height, width, channels; pixels as the caller normalizes them.
        alpha: Scale of the number of channels, "s x" in the paper; the results of units
            are rounded to multiples of 4 * groups, so that bottlenecks fall into groups.
        classes: Length of a row of scores.
        groups: Of the 1x1 convolutions: 1, 2, 3, 4 or 8.

    Returns:
        A keras.Model.
    """
    image = keras.Input(input_shape)
    x = convolution(image, scaled(STEM, alpha, groups), size=3, stride=2, activation="relu")
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, (width, repeats) in enumerate(zip(WIDTHS[groups], REPEATS, strict=True)):
        for unit in range(repeats):
            # The first has too few channels to read for groups. Source: section 3.2.
            first_groups = 1 if stage == unit == 0 else groups
            filters = scaled(width, alpha, 4 * groups)
            x = _unit(x, filters, 2 if unit == 0 else 1, groups, first_groups)
    return keras.Model(image, classifier(x, classes), name="shufflenet_v1")


def _unit(x: Any, filters: int, stride: int, groups: int, first_groups: int) -> Any:
    """Figure 2 (b) at stride 1, where x is added, and (c) at stride 2, where it is appended."""
    # Concatenated, both make up the result's channels together.
    widening = filters if stride == 1 else filters - x.shape[-1]
    y = convolution(x, filters // 4, groups=first_groups, activation="relu")
    if groups > 1:
        y = channel_shuffle(y, groups)
    y = convolution(depthwise(y, stride=stride), widening, groups=groups)
    if stride == 1:
        return keras.layers.ReLU()(keras.layers.Add()([x, y]))
    # Zeros beyond the border count, where the convolutions beside it see them.
    border = [(0, 1) if side % 2 == 0 else (1, 1) for side in x.shape[1:3]]
    x = keras.layers.ZeroPadding2D(border)(x)
    x = keras.layers.AveragePooling2D(3, strides=2)(x)
    return keras.layers.ReLU()(keras.layers.Concatenate()([x, y]))
