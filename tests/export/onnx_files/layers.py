"""What PyTorch and other programs write for a layer, as changes of a picture of 8 channels.

Each takes a net and the name of a tensor [N, 8, 12, 12], and returns a tensor and its channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.export.onnx_files.networks import SIDE, Net

Layer = Callable[[Net, str], tuple[str, int]]
WIDTH = 8


def plain(kind: str, **attributes: object) -> Layer:
    """One node that keeps the shape."""
    return lambda net, x: (net.add(kind, x, **attributes), WIDTH)


def conv(after: int = WIDTH, size: int = 3, **attributes: Any) -> Layer:
    return lambda net, x: (net.conv(x, WIDTH, after, size, **attributes), after)


def with_number(kind: str, number: float) -> Layer:
    return lambda net, x: (net.add(kind, x, net.constant(number)), WIDTH)


def normalized(net: Net, x: str) -> tuple[str, int]:
    return net.batch_norm(net.conv(x, WIDTH, 6), 6), 6


def unfused_norm(net: Net, x: str) -> tuple[str, int]:
    return net.batch_norm(net.add("Relu", x), WIDTH), WIDTH


def residual(net: Net, x: str) -> tuple[str, int]:
    return net.add("Add", x, net.conv(net.add("Relu", x), WIDTH, WIDTH)), WIDTH


def swish(net: Net, x: str) -> tuple[str, int]:
    return net.add("Mul", x, net.add("Sigmoid", x)), WIDTH


def decomposed_hard_swish(net: Net, x: str) -> tuple[str, int]:
    limited = net.clip(net.add("Add", x, net.constant(3.0)), 0.0, 6.0)
    return net.add("Div", net.add("Mul", x, limited), net.constant(6.0)), WIDTH


def hard_swish_by_hard_sigmoid(net: Net, x: str) -> tuple[str, int]:
    return net.add("Mul", x, net.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)), WIDTH


def gate_of(pooled: Callable[[Net, str], str]) -> Layer:
    """Squeeze-and-excite."""

    def layer(net: Net, x: str) -> tuple[str, int]:
        narrow = net.add("Relu", net.conv(pooled(net, x), WIDTH, 4, 1))
        return net.add("Mul", x, net.add("Sigmoid", net.conv(narrow, 4, WIDTH, 1))), WIDTH

    return layer


def gate_of_rows(net: Net, x: str) -> tuple[str, int]:
    """Squeeze-and-excite by dense layers, whose result is unsqueezed."""
    pooled = net.axes("ReduceMean", x, 2, 3, keepdims=0)
    dense = net.add("Gemm", pooled, net.drawn(WIDTH, WIDTH, scale=0.3), net.drawn(WIDTH))
    gate = net.axes("Unsqueeze", net.add("Sigmoid", dense), 2, 3)
    return net.add("Mul", gate, x), WIDTH


def shuffled(net: Net, x: str) -> tuple[str, int]:
    apart = net.add("Reshape", x, net.integers(0, 2, WIDTH // 2, SIDE, SIDE))
    moved = net.add("Transpose", apart, perm=[0, 2, 1, 3, 4])
    joined = net.add("Reshape", moved, net.integers(0, -1, SIDE, SIDE))
    return net.conv(joined, WIDTH, WIDTH, 1, group=2), WIDTH


def shuffled_by_shape(net: Net, x: str) -> tuple[str, int]:
    """The same with the sizes computed of the picture's own, as by x.size()."""
    shape = net.add("Shape", x)
    sides = [
        net.axes("Unsqueeze", net.add("Gather", shape, net.constant(at, np.int64)), 0)
        for at in (0, 2, 3)
    ]
    wanted = net.add("Concat", sides[0], net.integers(4, 2), sides[1], sides[2], axis=0)
    apart = net.add("Reshape", x, wanted)
    moved = net.add("Transpose", apart, perm=[0, 2, 1, 3, 4])
    back = net.add("Concat", sides[0], net.integers(-1), sides[1], sides[2], axis=0)
    return net.conv(net.add("Reshape", moved, back), WIDTH, WIDTH), WIDTH


def halves(net: Net, x: str) -> tuple[str, int]:
    given = [net.integers(3, 5)] if net.opset >= 13 else []
    sizes = {} if given else {"split": [3, 5]}
    left, right = net.add_all("Split", x, *given, count=2, axis=1, **sizes)
    return net.add("Concat", net.add("Relu", right), left, axis=1), WIDTH


def taken(net: Net, x: str) -> tuple[str, int]:
    if net.opset < 10:
        return net.add("Slice", x, starts=[2, 1], ends=[7, 1000], axes=[1, 3]), 5
    places = [net.integers(2, 1), net.integers(7, 2**62), net.integers(1, 3)]
    return net.add("Slice", x, *places), 5


def every_other(net: Net, x: str) -> tuple[str, int]:
    if net.opset < 10:
        return net.add("Relu", x), WIDTH
    ends = net.integers(2**62, 2**62)
    places = [net.integers(0, 1), ends, net.integers(2, 3), net.integers(2, 2)]
    return net.add("Slice", x, *places), WIDTH


def padded(net: Net, x: str) -> tuple[str, int]:
    if net.opset < 11:
        wide = net.add("Pad", x, pads=[0, 0, 0, 1, 0, 0, 2, 0])
    else:
        wide = net.add("Pad", x, net.integers(0, 0, 0, 1, 0, 0, 2, 0))
    return net.conv(wide, WIDTH, WIDTH, pads=[0, 0, 0, 0]), WIDTH


def flattened(net: Net, x: str) -> tuple[str, int]:
    """A dense layer of all pixels, as in VGG, made a picture again."""
    small = net.add("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4])
    row = net.add("Dropout", net.add("Relu", net.add("Flatten", small)))
    dense = net.add("Gemm", row, net.drawn(6, 9 * WIDTH, scale=0.1), net.drawn(6), transB=1)
    return net.add("Reshape", dense, net.integers(-1, 6, 1, 1)), 6


def flattened_by_shape(net: Net, x: str) -> tuple[str, int]:
    """x.view(x.size(0), -1), and MatMul and Add."""
    small = net.add("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    first = net.add("Gather", net.add("Shape", small), net.constant(0, np.int64))
    first = net.axes("Unsqueeze", first, 0)
    wanted = net.add("Concat", first, net.integers(-1), axis=0)
    row = net.add("Reshape", small, wanted)
    dense = net.add("MatMul", row, net.drawn(9 * WIDTH, 6, scale=0.1))
    dense = net.add("Add", net.drawn(6), dense)
    return net.axes("Unsqueeze", dense, 2, 3), 6


def flattened_then_scaled(net: Net, x: str) -> tuple[str, int]:
    """A row of pixels that something else than a dense layer reads, in the order of the .onnx."""
    row = net.add("Flatten", net.conv(x, WIDTH, 2, strides=[4, 4]))
    scaled = net.add("Mul", row, net.drawn(18))
    return net.add("Reshape", scaled, net.integers(-1, 2, 3, 3)), 2


def channels_last(net: Net, x: str) -> tuple[str, int]:
    """A dense layer over the channels of each pixel, as in ConvNeXt."""
    last = net.add("Transpose", x, perm=[0, 2, 3, 1])
    dense = net.add("MatMul", last, net.drawn(WIDTH, 6, scale=0.3))
    dense = net.add("Add", dense, net.drawn(6))
    return net.add("Transpose", dense, perm=[0, 3, 1, 2]), 6


def layer_norm(net: Net, x: str) -> tuple[str, int]:
    """Over the channels, which come last for it."""
    last = net.add("Transpose", x, perm=[0, 2, 3, 1])
    weights = net.constant(net.random.uniform(0.5, 1.5, WIDTH))
    last = net.add("LayerNormalization", last, weights, net.drawn(WIDTH), axis=-1)
    return net.add("Transpose", last, perm=[0, 3, 1, 2]), WIDTH


def group_norm(net: Net, x: str) -> tuple[str, int]:
    """As PyTorch writes it up to opset 17: an instance is a group."""
    apart = net.add("Reshape", x, net.integers(0, 2, -1))
    ones, zeros = net.constant(np.ones(2)), net.constant(np.zeros(2))
    normal = net.add("InstanceNormalization", apart, ones, zeros, epsilon=1e-4)
    joined = net.add("Reshape", normal, net.add("Shape", x))
    scaled = net.add("Mul", joined, net.drawn(WIDTH, 1, 1))
    return net.add("Add", scaled, net.drawn(WIDTH, 1, 1)), WIDTH


def instance_norm(net: Net, x: str) -> tuple[str, int]:
    return net.add("InstanceNormalization", x, net.drawn(WIDTH), net.drawn(WIDTH)), WIDTH


def group_norm_as_one(net: Net, x: str) -> tuple[str, int]:
    weights = [net.drawn(WIDTH), net.drawn(WIDTH)]
    return net.add("GroupNormalization", x, *weights, num_groups=4), WIDTH


def unit_norm(net: Net, x: str) -> tuple[str, int]:
    """torch.nn.functional.normalize, as PyTorch writes it."""
    norm = net.axes("ReduceL2", x, 1, keepdims=1)
    return net.add("Div", x, net.add("Expand", net.clip(norm, 0.1, None), net.add("Shape", x))), 8


def mish_by_softplus(net: Net, x: str) -> tuple[str, int]:
    return net.add("Mul", x, net.add("Tanh", net.add("Softplus", x))), WIDTH


def repeated(net: Net, x: str) -> tuple[str, int]:
    row = net.add("GlobalAveragePool", x)
    return net.add("Tile", row, net.integers(1, 2, 3, 4)), 2 * WIDTH


def gelu_by_erf(half: str) -> Layer:
    """GELU as PyTorch writes it, its half in one of three places."""

    def layer(net: Net, x: str) -> tuple[str, int]:
        plus_one = net.add(
            "Add", net.add("Erf", net.add("Div", x, net.constant(2**0.5))), net.constant(1.0)
        )
        if half == "first":
            return net.add("Mul", net.add("Mul", x, net.constant(0.5)), plus_one), WIDTH
        if half == "last":
            return net.add("Mul", net.add("Mul", x, plus_one), net.constant(0.5)), WIDTH
        return net.add("Mul", x, net.add("Mul", plus_one, net.constant(0.5))), WIDTH

    return layer


def prelu(net: Net, x: str) -> tuple[str, int]:
    slopes = net.constant(net.random.uniform(-0.5, 0.5, (WIDTH, 1, 1)))
    return net.add("PRelu", x, slopes), WIDTH


def bgr(net: Net, x: str) -> tuple[str, int]:
    return net.add("Gather", x, net.integers(2, 1, 0, -1), axis=1), 4


def strided(net: Net, x: str) -> tuple[str, int]:
    """A mean that is given its shape by places, as PyTorch does for as_strided."""
    row = net.add("Reshape", net.add("GlobalAveragePool", x), net.integers(-1))
    places = net.constant(np.arange(WIDTH).reshape(1, WIDTH, 1, 1), np.int64)
    return net.add("Gather", row, places, axis=0), WIDTH


def enlarged(net: Net, x: str) -> tuple[str, int]:
    if net.opset < 11:
        kind = "Upsample" if net.opset < 10 else "Resize"
        return net.add(kind, x, net.constant([1, 1, 2, 3]), mode="nearest"), WIDTH
    settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = net.constant([1, 1, 2, 3])
    region = net.constant([])
    return net.add("Resize", x, region, scales, mode="nearest", **settings), WIDTH


def maxima(net: Net, x: str) -> tuple[str, int]:
    return net.add("Max", x, net.conv(x, WIDTH, WIDTH, 1), net.constant(-0.5)), WIDTH


def limits(low: float | None, high: float | None) -> Layer:
    return lambda net, x: (net.clip(x, low, high), WIDTH)


def pool(kind: str, **attributes: object) -> Layer:
    return lambda net, x: (net.add(kind, x, **attributes), WIDTH)


def pool_of_relu(kind: str, **attributes: object) -> Layer:
    return lambda net, x: (net.add(kind, net.add("Relu", x), **attributes), WIDTH)


LAYERS: dict[str, Layer] = {
    "convolution": conv(6),
    "convolution with a stride": conv(6, strides=[2, 2]),
    "convolution of one pixel": conv(6, 1),
    "uneven padding": conv(6, 3, pads=[0, 1, 2, 0]),
    "dilated": conv(6, 3, dilations=[2, 2], pads=[2, 2, 2, 2]),
    "same upper": conv(6, 3, auto_pad="SAME_UPPER", strides=[2, 2]),
    "same lower": conv(6, 3, auto_pad="SAME_LOWER", strides=[2, 2]),
    "valid": conv(6, 3, auto_pad="VALID"),
    "groups": conv(12, 3, group=4),
    "depthwise": conv(WIDTH, 3, group=WIDTH),
    "depthwise with a stride": conv(WIDTH, 5, group=WIDTH, strides=[2, 2]),
    "depthwise with a multiplier": conv(2 * WIDTH, 3, group=WIDTH),
    "batch norm": normalized,
    "batch norm alone": unfused_norm,
    "relu": plain("Relu"),
    "hard-swish": plain("HardSwish"),
    "sigmoid": plain("Sigmoid"),
    "tanh": plain("Tanh"),
    "elu": plain("Elu"),
    "leaky relu": plain("LeakyRelu", alpha=0.2),
    "absolute": plain("Abs"),
    "negative": plain("Neg"),
    "elu of another height": plain("Elu", alpha=0.5),
    "celu": plain("Celu", alpha=0.5),
    "selu": plain("Selu"),
    "softplus": plain("Softplus"),
    "softsign": plain("Softsign"),
    "mish": plain("Mish"),
    "mish by softplus": mish_by_softplus,
    "waves": lambda net, x: (net.add("Sin", net.add("Cos", x)), WIDTH),
    "reciprocal": lambda net, x: (net.add("Reciprocal", net.add("Exp", x)), WIDTH),
    "layer norm": layer_norm,
    "instance norm": instance_norm,
    "group norm": group_norm,
    "group norm as one": group_norm_as_one,
    "local response": plain("LRN", size=3, alpha=0.3, bias=1.5),
    "unit norm": unit_norm,
    "unit norm as one": plain("LpNormalization", axis=1),
    "repeated": repeated,
    "gelu, half first": gelu_by_erf("first"),
    "gelu, half last": gelu_by_erf("last"),
    "gelu, half between": gelu_by_erf("between"),
    "prelu": prelu,
    "hard sigmoid": plain("HardSigmoid"),
    "swish": swish,
    "decomposed hard-swish": decomposed_hard_swish,
    "hard-swish by hard-sigmoid": hard_swish_by_hard_sigmoid,
    "relu6": limits(0.0, 6.0),
    "clip": limits(-0.5, 0.75),
    "clip from 0": limits(0.0, 1.0),
    "clip below": limits(-0.25, None),
    "residual": residual,
    "added": with_number("Add", 0.5),
    "subtracted": with_number("Sub", 0.5),
    "divided": with_number("Div", 3.0),
    "squared": with_number("Pow", 2.0),
    "maxima": maxima,
    "gate of a global pool": gate_of(lambda net, x: net.add("GlobalAveragePool", x)),
    "gate of a mean": gate_of(lambda net, x: net.axes("ReduceMean", x, 2, 3, keepdims=1)),
    "gate of a mean from behind": gate_of(lambda net, x: net.axes("ReduceMean", x, -1, -2)),
    "gate of rows": gate_of_rows,
    "global maximum": plain("GlobalMaxPool"),
    "shuffled": shuffled,
    "shuffled by shape": shuffled_by_shape,
    "halves": halves,
    "taken": taken,
    "every other": every_other,
    "channels in another order": bgr,
    "padded": padded,
    "strided": strided,
    "flattened": flattened,
    "flattened by shape": flattened_by_shape,
    "flattened then scaled": flattened_then_scaled,
    "channels last": channels_last,
    "enlarged": enlarged,
    "max pool": pool("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "padded max pool": pool("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "padded max pool of a relu": pool_of_relu(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "max pool with a rest": pool_of_relu(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "average": pool("AveragePool", kernel_shape=[3, 2], strides=[3, 2]),
    "padded average": pool("AveragePool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
    "padded average that counts": pool(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "unevenly padded average": pool(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
}
# Opsets that have the operator, or a form of it.
SINCE = {
    "places counted": 11,
    "standardized": 15,
    "max pool with a rest": 10,
    "celu": 12,
    "hard-swish": 14,
    "layer norm": 17,
    "mish": 18,
    "group norm as one": 21,
}
MOVED = "flattened then scaled"  # the one behind which values have to be put in another order
# Those behind which a picture is as large as before.
KEEPING = (
    *("convolution", "dilated", "groups", "depthwise", "batch norm"),
    *("batch norm alone", "relu", "sigmoid", "tanh", "leaky relu", "absolute", "prelu"),
    *("hard-swish", "hard sigmoid", "swish", "decomposed hard-swish", "relu6", "clip"),
    *("hard-swish by hard-sigmoid", "clip from 0", "residual", "subtracted", "divided", "maxima"),
    *("gate of a global pool", "gate of a mean", "gate of rows", "shuffled", "shuffled by shape"),
    *("halves", "channels in another order", "padded average", "padded average that counts"),
    *("layer norm", "gelu, half between", "group norm", "instance norm", "mish", "selu", "celu"),
)
