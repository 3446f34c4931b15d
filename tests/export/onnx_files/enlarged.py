"""What PyTorch and other programs write for layers that give a larger picture."""

from __future__ import annotations

import numpy as np
from tests.export.onnx_files.layers import WIDTH, Layer
from tests.export.onnx_files.networks import Net


def bilinear(places: str, *scales: float) -> Layer:
    def layer(net: Net, x: str) -> tuple[str, int]:
        wanted = net.constant([1, 1, *scales])
        settings = {"coordinate_transformation_mode": places}
        return net.add("Resize", x, net.constant([]), wanted, mode="linear", **settings), WIDTH

    return layer


def transposed(rows: int, columns: int, **attributes: object) -> Layer:
    """ConvTranspose2d with a BatchNorm2d behind it."""

    def layer(net: Net, x: str) -> tuple[str, int]:
        weights = net.constant(net.random.normal(0, 0.3, (WIDTH, 6, rows, columns)))
        found = net.add("ConvTranspose", x, weights, net.constant(np.arange(6) / 6), **attributes)
        return net.batch_norm(found, 6), 6

    return layer


ENLARGED: dict[str, Layer] = {
    "bilinear": bilinear("half_pixel", 2, 4),
    "bilinear by PyTorch": bilinear("pytorch_half_pixel", 2, 2),
    "bilinear from the corner": bilinear("asymmetric", 2, 2),
    "bilinear between the corners": bilinear("align_corners", 23 / 12 + 1e-6, 45 / 12 + 1e-6),
    "transposed": transposed(3, 3, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    "transposed without padding": transposed(2, 3, strides=[2, 3]),
    "transposed in the middle": transposed(4, 4, strides=[2, 2], pads=[1, 1, 1, 1]),
}
