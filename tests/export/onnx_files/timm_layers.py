"""What networks of timm have beside the usual layers: as changes of a picture, see `layers`."""

from __future__ import annotations

import numpy as np
from tests.export.onnx_files.layers import WIDTH, Layer
from tests.export.onnx_files.networks import SIDE, Net


def padded_with_a_number(net: Net, x: str) -> tuple[str, int]:
    x = net.add("Relu", x)
    if net.opset < 11:
        wide = net.add("Pad", x, pads=[0, 0, 0, 1, 0, 0, 2, 0], value=-0.5)
    else:
        wide = net.add("Pad", x, net.integers(0, 0, 0, 1, 0, 0, 2, 0), net.constant(-0.5))
    return net.add("Relu", wide), WIDTH


def gate_of_neighbours(net: Net, x: str) -> tuple[str, int]:
    """As ECA-Net: a convolution in 1D over the channels' means."""
    means = net.add("Reshape", net.add("GlobalAveragePool", x), net.integers(1, 1, WIDTH))
    gate = net.add("Sigmoid", net.add("Conv", means, net.drawn(1, 1, 3), pads=[1, 1]))
    return net.add("Mul", x, net.add("Reshape", gate, net.integers(1, WIDTH, 1, 1))), WIDTH


def in_one_dimension(net: Net, x: str) -> tuple[str, int]:
    """Of the picture's pixels as one row, with stride, dilation and a normalization."""
    row = net.add("Reshape", x, net.integers(1, WIDTH, SIDE * SIDE))
    steps = {"strides": [2], "dilations": [3], "pads": [6, 5]}
    wide = net.add("Conv", row, net.drawn(6, WIDTH // 2, 5, scale=0.2), group=2, **steps)
    folded = net.batch_norm(wide, 6)
    return net.add("Reshape", folded, net.integers(1, 6, SIDE // 2, SIDE)), 6


def standardized(net: Net, x: str) -> tuple[str, int]:
    """Weight Standardization as PyTorch writes it: a normalization of the weights, in training."""
    ones, zeros = net.constant(np.ones(6)), net.constant(np.zeros(6))
    inputs = [net.drawn(1, 6, WIDTH * 9), ones, zeros, zeros, ones]
    rows = net.add_all("BatchNormalization", *inputs, count=3, training_mode=1, epsilon=1e-3)[0]
    weights = net.add("Reshape", rows, net.integers(6, WIDTH, 3, 3))
    return net.add("Conv", x, net.add("Mul", weights, net.constant(0.2)), pads=[1] * 4), 6


def places_counted(net: Net, x: str) -> tuple[str, int]:
    """As EdgeNeXt encodes positions: sums of ones, known before any picture is."""
    ones = net.constant(np.full((1, 1, SIDE, SIDE), 0.125))
    places = net.add("CumSum", ones, net.constant(2, np.int64), exclusive=1)
    return net.add(
        "Add", x, net.add("CumSum", places, net.constant(-1, np.int64), reverse=1)
    ), WIDTH


TIMM: dict[str, Layer] = {
    "padded with a number": padded_with_a_number,
    "gate of neighbours": gate_of_neighbours,
    "in one dimension": in_one_dimension,
    "standardized": standardized,
    "places counted": places_counted,
}
