"""MobileNets as torchvision has them, so that its weights give its results.

They differ from keras.applications in padding (the same on all sides, also where a kernel
steps two pixels), in batch norm's epsilon, and in V3's classifier. Every layer with weights
is named like torchvision's module, with "_" for ".".

Source: torchvision 0.15, models/mobilenetv2.py, models/mobilenetv3.py, ops/misc.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

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


def mobilenet_v2(*, alpha: float, size: int, classes: int) -> Any:
    """torchvision.models.mobilenet_v2, without its weights.

    Args:
        alpha: Width multiplier, torchvision's width_mult.
        size: Side of the input in pixels.
        classes: Length of a row of probabilities.
    """
    net = _Builder(EPSILON_V2)
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


BUILDERS: dict[str, Callable[..., Any]] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
}
"""By the zoo's name."""


def _v2_block(net: _Builder, x: Any, name: str, expansion: int, out: int, stride: int) -> Any:
    entry, channels, place = x, x.shape[-1], 0
    if expansion != 1:
        x = net.conv(x, f"{name}.0", channels * expansion, 1, activation=RELU6)
        place = 1
    x = net.depthwise(x, f"{name}.{place}", 3, stride=stride, activation=RELU6)
    x = net.conv(x, name, out, 1, places=(place + 1, place + 2))
    return keras.layers.Add()([entry, x]) if stride == 1 and channels == out else x


def _mobilenet_v3(
    name: str, blocks: Any, hidden: int, alpha: float, size: int, classes: int
) -> Any:
    net = _Builder(EPSILON_V3)
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
    net: _Builder,
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
        x = net.squeeze_excite(x, f"{name}.{place}", make_divisible(expanded // 4))
        place += 1
    x = net.conv(x, f"{name}.{place}", out, 1)
    return keras.layers.Add()([entry, x]) if stride == 1 and channels == out else x


class _Builder:
    """Layers under the names of torchvision's modules."""

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon

    def conv(
        self,
        x: Any,
        name: str,
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        activation: str | None = None,
        places: tuple[int, int] = (0, 1),
    ) -> Any:
        """Conv2dNormActivation: a convolution, batch norm and an activation."""
        x, padding = _padded(x, kernel, stride)
        layer = keras.layers.Conv2D(
            *(filters, kernel, stride, padding), use_bias=False, name=_name(f"{name}.{places[0]}")
        )
        return self._norm(layer(x), f"{name}.{places[1]}", activation)

    def depthwise(self, x: Any, name: str, kernel: int, *, stride: int, activation: str) -> Any:
        """The same with a kernel for each channel."""
        x, padding = _padded(x, kernel, stride)
        layer = keras.layers.DepthwiseConv2D(
            *(kernel, stride, padding), use_bias=False, name=_name(f"{name}.0")
        )
        return self._norm(layer(x), f"{name}.1", activation)

    def squeeze_excite(self, x: Any, name: str, squeezed: int) -> Any:
        """SqueezeExcitation with a hard sigmoid."""
        scale = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        scale = keras.layers.Conv2D(squeezed, 1, name=_name(f"{name}.fc1"))(scale)
        scale = keras.layers.ReLU()(scale)
        scale = keras.layers.Conv2D(x.shape[-1], 1, name=_name(f"{name}.fc2"))(scale)
        return keras.layers.Multiply()([keras.layers.Activation("hard_sigmoid")(scale), x])

    def dense(self, x: Any, name: str, units: int) -> Any:
        """Linear."""
        return keras.layers.Dense(units, name=_name(name))(x)

    def _norm(self, x: Any, name: str, activation: str | None) -> Any:
        x = keras.layers.BatchNormalization(epsilon=self._epsilon, name=_name(name))(x)
        if activation is None:
            return x
        if activation == RELU6:
            return keras.layers.ReLU(6.0)(x)
        return (
            keras.layers.ReLU()(x) if activation == RELU else keras.layers.Activation(activation)(x)
        )


def make_divisible(channels: float) -> int:
    """The nearest multiple of 8, not below 8 nor below nine tenths."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found


def _padded(x: Any, kernel: int, stride: int) -> tuple[Any, str]:
    """The same amount on all sides; "same" is that where the kernel does not step over pixels."""
    if stride == 1 or kernel == 1:
        return x, "same"
    return keras.layers.ZeroPadding2D(kernel // 2)(x), "valid"


def _name(module: str) -> str:
    return module.replace(".", "_")
