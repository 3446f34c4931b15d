"""ShuffleNetV2 as torchvision has it.

Source: torchvision 0.15, models/shufflenetv2.py; widths from arXiv:1807.11164, table 5.
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.layers import channel_shuffle
from strop.export.zoo.networks.named_layers import Layers, max_pooled
from strop.export.zoo.networks.shufflenet_v2 import REPEATS, STEM, WIDTHS

EPSILON = 1e-5
RELU = "relu"


def shufflenet_v2(*, alpha: float, size: int, classes: int) -> Any:
    """torchvision.models.shufflenet_v2_x..., without its weights.

    Args:
        alpha: 0.5, 1, 1.5 or 2.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities.
    """
    net = Layers(EPSILON)
    *widths, last = WIDTHS[alpha]
    image = keras.Input((size, size, 3), name="image")
    x = max_pooled(net.conv(image, "conv1", STEM, 3, stride=2, activation=RELU))
    for stage, (width, repeats) in enumerate(zip(widths, REPEATS, strict=True), start=2):
        x = _downsampled(net, x, f"stage{stage}.0", width // 2)
        for number in range(1, repeats):
            x = _unit(net, x, f"stage{stage}.{number}", width // 2)
    x = net.conv(x, "conv5", last, 1, activation=RELU)
    x = net.dense(keras.layers.GlobalAveragePooling2D()(x), "fc", classes)
    return keras.Model(image, keras.layers.Softmax()(x), name="shufflenet_v2")


def _unit(net: Layers, x: Any, name: str, half: int) -> Any:
    """The first half of the channels passes by."""
    passed, y = x[..., :half], x[..., half:]
    y = _branch(net, y, f"{name}.branch2", half, stride=1)
    return channel_shuffle(keras.layers.Concatenate()([passed, y]), 2)


def _downsampled(net: Layers, x: Any, name: str, half: int) -> Any:
    """Both branches read all channels."""
    first = net.depthwise(x, f"{name}.branch1", 3, stride=2)
    last = (f"{name}.branch1.2", f"{name}.branch1.3")
    first = net.conv(first, last, half, 1, activation=RELU)
    y = _branch(net, x, f"{name}.branch2", half, stride=2)
    return channel_shuffle(keras.layers.Concatenate()([first, y]), 2)


def _branch(net: Layers, x: Any, name: str, half: int, *, stride: int) -> Any:
    x = net.conv(x, name, half, 1, activation=RELU)
    x = net.depthwise(x, (f"{name}.3", f"{name}.4"), 3, stride=stride)
    return net.conv(x, (f"{name}.5", f"{name}.6"), half, 1, activation=RELU)
