"""Blocks of the networks that people bring as .onnx, as PyTorch writes them.

Each takes a net and a tensor [N, 8, 12, 12], and returns a tensor and its channels.
"""

from __future__ import annotations

import numpy as np
from tests.export.onnx_files.layers import LAYERS, WIDTH, Layer, hard_swish_by_hard_sigmoid
from tests.export.onnx_files.networks import Net

WIDE = 3 * WIDTH
FIRST_SCALE = 1e-6  # of torchvision's and Keras' ConvNeXt


def relu(net: Net, x: str) -> str:
    return net.add("Relu", x)


def gated(net: Net, x: str, channels: int, gate: str) -> str:
    """Squeeze-and-excite with the gate of a network."""
    pooled = net.axes("ReduceMean", x, 2, 3, keepdims=1)
    narrow = net.conv(relu(net, net.conv(pooled, channels, 4, 1)), 4, channels, 1)
    return net.add("Mul", x, net.add(gate, narrow))


def inverted(net: Net, x: str) -> tuple[str, int]:
    """MobileNetV2."""
    wide = net.clip(net.conv(x, WIDTH, WIDE, 1), 0.0, 6.0)
    deep = net.clip(net.conv(wide, WIDE, WIDE, group=WIDE), 0.0, 6.0)
    return net.add("Add", x, net.conv(deep, WIDE, WIDTH, 1)), WIDTH


def inverted_and_gated(net: Net, x: str) -> tuple[str, int]:
    """MobileNetV3: hard-swish, and a gate of a hard sigmoid."""
    wide, _ = hard_swish_by_hard_sigmoid(net, net.conv(x, WIDTH, WIDE, 1))
    deep, _ = hard_swish_by_hard_sigmoid(net, net.conv(wide, WIDE, WIDE, 5, group=WIDE))
    return net.add("Add", net.conv(gated(net, deep, WIDE, "HardSigmoid"), WIDE, WIDTH, 1), x), WIDTH


def universal(net: Net, x: str) -> tuple[str, int]:
    """MobileNetV4: a depthwise convolution in front as well."""
    first = net.conv(x, WIDTH, WIDTH, group=WIDTH)
    wide = relu(net, net.conv(first, WIDTH, WIDE, 1))
    deep = relu(net, net.conv(wide, WIDE, WIDE, 5, group=WIDE))
    return net.add("Add", net.conv(deep, WIDE, WIDTH, 1), x), WIDTH


def swished(net: Net, x: str) -> tuple[str, int]:
    """EfficientNet: SiLU, and a gate of a sigmoid."""

    def swish(value: str) -> str:
        return net.add("Mul", value, net.add("Sigmoid", value))

    deep = swish(net.conv(swish(net.conv(x, WIDTH, WIDE, 1)), WIDE, WIDE, group=WIDE))
    return net.add("Add", net.conv(gated(net, deep, WIDE, "Sigmoid"), WIDE, WIDTH, 1), x), WIDTH


def halved_and_shuffled(net: Net, x: str) -> tuple[str, int]:
    """ShuffleNetV2."""
    half = WIDTH // 2
    given = [net.integers(half, half)] if net.opset >= 13 else []
    sizes = {} if given else {"split": [half, half]}
    kept, worked = net.add_all("Split", x, *given, count=2, axis=1, **sizes)
    worked = relu(net, net.conv(worked, half, half, 1))
    worked = net.conv(worked, half, half, group=half)
    worked = relu(net, net.conv(worked, half, half, 1))
    return LAYERS["shuffled"](net, net.add("Concat", kept, worked, axis=1))


def residual(net: Net, x: str) -> tuple[str, int]:
    """ResNet, with a projection and a stride."""
    first = relu(net, net.conv(x, WIDTH, WIDE, strides=[2, 2]))
    straight = net.conv(x, WIDTH, WIDE, 1, strides=[2, 2])
    return relu(net, net.add("Add", net.conv(first, WIDE, WIDE), straight)), WIDE


def grouped_and_gated(net: Net, x: str) -> tuple[str, int]:
    """RegNetY."""
    first = relu(net, net.conv(x, WIDTH, WIDTH, 1))
    first = relu(net, net.conv(first, WIDTH, WIDTH, group=2))
    first = net.conv(gated(net, first, WIDTH, "Sigmoid"), WIDTH, WIDTH, 1)
    return relu(net, net.add("Add", first, x)), WIDTH


def reparametrized(net: Net, x: str) -> tuple[str, int]:
    """MobileOne and RepVGG: one convolution after the other."""
    first = relu(net, net.conv(x, WIDTH, WIDTH, group=WIDTH))
    return relu(net, net.conv(relu(net, net.conv(first, WIDTH, WIDE, 1)), WIDE, WIDTH)), WIDTH


def normalized_and_scaled(net: Net, x: str) -> tuple[str, int]:
    """ConvNeXt: a wide window, and a layer scale as it is before training."""
    deep, _ = LAYERS["layer norm"](net, net.conv(x, WIDTH, WIDTH, 7, group=WIDTH))
    bent, _ = LAYERS["gelu, half last"](net, net.conv(deep, WIDTH, WIDTH, 1))
    dense = net.add(
        "MatMul", net.add("Transpose", bent, perm=[0, 2, 3, 1]), net.drawn(WIDTH, WIDTH)
    )
    narrow = net.add("Transpose", net.add("Add", dense, net.drawn(WIDTH)), perm=[0, 3, 1, 2])
    factors = net.constant(np.full((WIDTH, 1, 1), FIRST_SCALE))
    return net.add("Add", net.add("Mul", factors, narrow), x), WIDTH


BLOCKS: dict[str, Layer] = {
    "MobileNetV2": inverted,
    "MobileNetV3": inverted_and_gated,
    "MobileNetV4": universal,
    "EfficientNet": swished,
    "ShuffleNetV2": halved_and_shuffled,
    "ResNet": residual,
    "RegNetY": grouped_and_gated,
    "MobileOne, RepVGG": reparametrized,
    "ConvNeXt": normalized_and_scaled,
}
