"""EfficientNet-B0 to B7 as torchvision has them.

Source: torchvision 0.15, models/efficientnet.py; blocks and scaling from arXiv:1905.11946,
table 1 and equation 3.
"""

from __future__ import annotations

import math
from typing import Any

import keras

from strop.export.zoo.networks.named_layers import Layers, make_divisible

SWISH, SIGMOID = "silu", "sigmoid"
STEM = 32
# Expansion, kernel, stride, channels, repeats.
STAGES = (
    *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
    *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
)
SCALES = (  # of width and depth, by the network's number
    *((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4)),
    *((1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1)),
)
FIRST_OF_TENSORFLOW = 5  # from there on its weights, and its epsilon, are the authors'
EPSILON, TENSORFLOW_EPSILON = 1e-5, 1e-3


def efficientnet(number: int, *, size: int, classes: int) -> Any:
    """torchvision.models.efficientnet_b..., without its weights.

    Args:
        number: 0 to 7.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities.
    """
    width, depth = SCALES[number]
    net = Layers(EPSILON if number < FIRST_OF_TENSORFLOW else TENSORFLOW_EPSILON)
    image = keras.Input((size, size, 3), name="image")
    x = net.conv(image, "features.0", make_divisible(STEM * width), 3, stride=2, activation=SWISH)
    for stage, (expansion, kernel, stride, channels, repeats) in enumerate(STAGES, start=1):
        out = make_divisible(channels * width)
        for place in range(math.ceil(repeats * depth)):
            name = f"features.{stage}.{place}.block"
            x = _block(net, x, name, expansion, kernel, stride if place == 0 else 1, out)
    last = len(STAGES) + 1
    x = net.conv(x, f"features.{last}", 4 * x.shape[-1], 1, activation=SWISH)
    x = net.dense(keras.layers.GlobalAveragePooling2D()(x), "classifier.1", classes)
    return keras.Model(image, keras.layers.Softmax()(x), name=f"efficientnet_b{number}")


def _block(
    net: Layers, x: Any, name: str, expansion: int, kernel: int, stride: int, out: int
) -> Any:
    """MBConv: as V3's block, with a gate of the width of its input."""
    entry, channels, place = x, x.shape[-1], 0
    if expansion != 1:
        x = net.conv(x, f"{name}.0", channels * expansion, 1, activation=SWISH)
        place = 1
    x = net.depthwise(x, f"{name}.{place}", kernel, stride=stride, activation=SWISH)
    squeezed = max(1, channels // 4)
    x = net.squeeze_excite(x, f"{name}.{place + 1}", squeezed, activation=SWISH, gate=SIGMOID)
    x = net.conv(x, f"{name}.{place + 2}", out, 1)
    return keras.layers.Add()([entry, x]) if stride == 1 and channels == out else x
