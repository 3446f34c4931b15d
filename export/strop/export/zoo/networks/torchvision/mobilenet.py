"""MobileNetV2 and V3 as torchvision has them.

Source: torchvision 0.15, models/mobilenetv2.py and models/mobilenetv3.py.
"""

from __future__ import annotations

from typing import Any

import keras

from strop.export.zoo.networks.named_layers import Layers, make_divisible

EPSILON_V2 = 1e-5
EPSILON_V3 = 1e-3
# Expansion, channels, repeats, stride; arXiv:1801.04381, table 2.
V2_BLOCKS = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
# Kernel, expanded channels, channels, squeeze and excite, hard swish, stride;
# arXiv:1905.02244, tables 1 and 2.
LARGE_BLOCKS = (
    *((3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1)),
    *((5, 72, 40, 1, 0, 2), (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1)),
    *((3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1)),
    *((3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1)),
    *((5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1)),
)
SMALL_BLOCKS = (
    *((3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1)),
    *((5, 96, 40, 1, 1, 2), (5, 240, 40, 1, 1, 1), (5, 240, 40, 1, 1, 1)),
    *((5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1)),
    *((5, 288, 96, 1, 1, 2), (5, 576, 96, 1, 1, 1), (5, 576, 96, 1, 1, 1)),
)
RELU, RELU6, HARD_SWISH = "relu", "relu6", "hard_swish"
HARD_SIGMOID = "hard_sigmoid"


def mobilenet_v2(*, alpha: float, size: int, classes: int) -> Any:
    """torchvision.models.mobilenet_v2, without its weights.

    Args:
        alpha: Width multiplier, torchvision's width_mult.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities.
    """
    net = Layers(EPSILON_V2)
    image = keras.Input((size, size, 3), name="image")
    x = net.conv(image, "features.0", make_divisible(32 * alpha), 3, stride=2, activation=RELU6)
    number = 0
    for expansion, channels, repeats, first_stride in V2_BLOCKS:
        for repeat in range(repeats):
            number += 1
            stride = first_stride if repeat == 0 else 1
            out = make_divisible(channels * alpha)
            x = _v2_block(net, x, f"features.{number}.conv", expansion, out, stride)
    last = make_divisible(1280 * max(1.0, alpha))
    x = net.conv(x, f"features.{number + 1}", last, 1, activation=RELU6)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = net.dense(x, "classifier.1", classes)
    return keras.Model(image, keras.layers.Softmax()(x), name="mobilenet_v2")


def mobilenet_v3_large(*, alpha: float, size: int, classes: int) -> Any:
    """torchvision.models.mobilenet_v3_large, without its weights; arguments as above."""
    return _mobilenet_v3("mobilenet_v3_large", LARGE_BLOCKS, 1280, alpha, size, classes)


def mobilenet_v3_small(*, alpha: float, size: int, classes: int) -> Any:
    """torchvision.models.mobilenet_v3_small, without its weights; arguments as above."""
    return _mobilenet_v3("mobilenet_v3_small", SMALL_BLOCKS, 1024, alpha, size, classes)


def _v2_block(net: Layers, x: Any, name: str, expansion: int, out: int, stride: int) -> Any:
    entry, channels, place = x, x.shape[-1], 0
    if expansion != 1:
        x = net.conv(x, f"{name}.0", channels * expansion, 1, activation=RELU6)
        place = 1
    x = net.depthwise(x, f"{name}.{place}", 3, stride=stride, activation=RELU6)
    x = net.conv(x, (f"{name}.{place + 1}", f"{name}.{place + 2}"), out, 1)
    return keras.layers.Add()([entry, x]) if stride == 1 and channels == out else x


def _mobilenet_v3(
    name: str, blocks: Any, hidden: int, alpha: float, size: int, classes: int
) -> Any:
    net = Layers(EPSILON_V3)
    image = keras.Input((size, size, 3), name="image")
    x = net.conv(
        image, "features.0", make_divisible(16 * alpha), 3, stride=2, activation=HARD_SWISH
    )
    for number, (kernel, expanded, out, has_se, is_hard, stride) in enumerate(blocks, start=1):
        x = _v3_block(
            net,
            x,
            f"features.{number}.block",
            kernel=kernel,
            expanded=make_divisible(expanded * alpha),
            out=make_divisible(out * alpha),
            has_se=bool(has_se),
            activation=HARD_SWISH if is_hard else RELU,
            stride=stride,
        )
    last = f"features.{len(blocks) + 1}"
    x = net.conv(x, last, 6 * x.shape[-1], 1, activation=HARD_SWISH)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = net.dense(x, "classifier.0", make_divisible(hidden * alpha))
    x = keras.layers.Activation(HARD_SWISH)(x)
    x = net.dense(x, "classifier.3", classes)
    return keras.Model(image, keras.layers.Softmax()(x), name=name)


def _v3_block(
    net: Layers,
    x: Any,
    name: str,
    *,
    kernel: int,
    expanded: int,
    out: int,
    has_se: bool,
    activation: str,
    stride: int,
) -> Any:
    entry, channels, place = x, x.shape[-1], 0
    if expanded != channels:
        x = net.conv(x, f"{name}.{place}", expanded, 1, activation=activation)
        place += 1
    x = net.depthwise(x, f"{name}.{place}", kernel, stride=stride, activation=activation)
    place += 1
    if has_se:
        squeezed = make_divisible(expanded // 4)
        x = net.squeeze_excite(x, f"{name}.{place}", squeezed, activation=RELU, gate=HARD_SIGMOID)
        place += 1
    x = net.conv(x, f"{name}.{place}", out, 1)
    return keras.layers.Add()([entry, x]) if stride == 1 and channels == out else x
