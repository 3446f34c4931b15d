"""MobileNetV1 with standard convolutions, which its paper compares with.

Source: A. Howard et al., MobileNets, arXiv:1704.04861, table 1, with every depthwise
separable convolution replaced by a 3x3 one ("Conv MobileNet", table 4).
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.layers import classifier, convolution, scaled

STEM = 32
LAYERS = (  # filters and stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


def conv_mobilenet(*, input_shape: tuple[int, int, int], alpha: float, classes: int) -> Any:
    """Build a Conv MobileNet with fresh weights.

    Args:
        input_shape: Height, width, channels; pixels as the caller normalizes them.
        alpha: Width multiplier, > 0.
        classes: Length of a row of scores.

    Returns:
        A keras.Model.
    """
    image = keras.Input(input_shape)
    x = convolution(image, scaled(STEM, alpha, 1), size=3, stride=2, activation="relu6")
    for filters, stride in LAYERS:
        x = convolution(x, scaled(filters, alpha, 1), size=3, stride=stride, activation="relu6")
    return keras.Model(image, classifier(x, classes), name="conv_mobilenet")
