"""EfficientNet-Lite: no squeeze-and-excite, ReLU6, and a stem and head that do not grow.

Sources: R. Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog,
2020; https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite ;
blocks and scaling: M. Tan and Q. Le, EfficientNet, arXiv:1905.11946, table 1 and eq. 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from strop.export.zoo.networks.layers import classifier, convolution, depthwise

STEM, HEAD = 32, 1280
WIDTH_STEP = 8
SCALES = (  # of width and depth, and the classifier's dropout, by the network's number
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.3),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    """Inverted residuals of one width; the first of them has the stride."""

    filters: int
    repeats: int
    size: int
    stride: int
    expansion: int = 6


STAGES = (
    _Stage(filters=16, repeats=1, size=3, stride=1, expansion=1),
    _Stage(filters=24, repeats=2, size=3, stride=2),
    _Stage(filters=40, repeats=2, size=5, stride=2),
    _Stage(filters=80, repeats=3, size=3, stride=2),
    _Stage(filters=112, repeats=3, size=5, stride=1),
    _Stage(filters=192, repeats=4, size=5, stride=2),
    _Stage(filters=320, repeats=1, size=3, stride=1),
)


def efficientnet_lite(*, input_shape: tuple[int, int, int], classes: int, number: int) -> Any:
    """Build an EfficientNet-Lite with fresh weights.

    Args:
        input_shape: Height, width, channels; pixels as the caller normalizes them.
        classes: Length of a row of scores.
        number: 0 to 4.

    Returns:
        A keras.Model.
    """
    width, depth, dropout = SCALES[number]
    image = keras.Input(input_shape)
    x = convolution(image, STEM, size=3, stride=2, activation="relu6")
    for stage in STAGES:
        # The first and the last stage belong to the stem and the head.
        is_fixed = stage in (STAGES[0], STAGES[-1])
        repeats = stage.repeats if is_fixed else math.ceil(stage.repeats * depth)
        for place in range(repeats):
            x = _block(x, stage, _filters(stage.filters, width), stage.stride if not place else 1)
    x = convolution(x, HEAD, activation="relu6")
    scores = classifier(x, classes, dropout=dropout)
    return keras.Model(image, scores, name=f"efficientnet_lite{number}")


def _block(x: Any, stage: _Stage, filters: int, stride: int) -> Any:
    y = x
    if stage.expansion > 1:
        y = convolution(y, x.shape[-1] * stage.expansion, activation="relu6")
    y = depthwise(y, size=stage.size, stride=stride, activation="relu6")
    y = convolution(y, filters)
    is_residual = stride == 1 and x.shape[-1] == filters
    return keras.layers.Add()([x, y]) if is_residual else y


def _filters(filters: int, width: float) -> int:
    """To the nearest multiple of 8, but not below 0.9 of the exact number."""
    exact = filters * width
    rounded = max(WIDTH_STEP, int(exact + WIDTH_STEP / 2) // WIDTH_STEP * WIDTH_STEP)
    return rounded if rounded >= 0.9 * exact else rounded + WIDTH_STEP
