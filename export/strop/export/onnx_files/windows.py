"""Padding and sizes of what moves a window over a picture: convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Pads, same_pads
from strop.export.onnx_files.reading import Node, Reading
from strop.export.onnx_files.values import NHWC, Value, in_order


def pair(values: Sequence[int] | None) -> tuple[int, int]:
    """Rows and columns of an attribute; ones where it is left out."""
    rows, columns = values or (1, 1)
    return int(rows), int(columns)


def pads_of(
    reading: Reading,
    node: Node,
    image: Value,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Pads:
    """The padding of a node, by `pads` or `auto_pad`.

    Raises:
        SourceError: It cuts off, or is of an unknown kind.
    """
    kind = node.attributes.get("auto_pad", "NOTSET")
    if kind == "VALID":
        return ((0, 0), (0, 0))
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        (top, bottom), (left, right) = same_pads(
            (image.shape[2], image.shape[3]), window, stride, dilation
        )
        is_upper = kind == "SAME_UPPER"
        return ((top, bottom), (left, right)) if is_upper else ((bottom, top), (right, left))
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0))
    if kind != "NOTSET" or min(top, left, bottom, right) < 0:
        raise reading.refusal(
            node,
            f"padding {kind} {(top, left, bottom, right)}",
            "needed is one of 0 or more",
        )
    return ((top, bottom), (left, right))


def windowed(
    image: Value,
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    pads: Pads,
) -> tuple[int, int]:
    """Rows and columns of the result; below 1 where the window is larger than the picture."""
    rows, columns = (
        (length + sum(pad) - (taps - 1) * spread - 1) // step + 1
        for length, pad, taps, spread, step in zip(
            image.shape[2:], pads, window, dilation, stride, strict=True
        )
    )
    return max(rows, 0), max(columns, 0)


def with_zeros(reading: Reading, node: Node, image: Value, pads: Pads) -> Value:
    """Write a PAD of rows and columns of an NHWC picture."""
    if not any(map(any, pads)):
        return image
    (top, bottom), (left, right) = pads
    rows, columns = image.shape[2] + top + bottom, image.shape[3] + left + right
    amounts = reading.number(node, np.array(((0, 0), *pads, (0, 0)), np.int32))
    shape = (1, image.shape[1], rows, columns)
    inputs = [image.tensor, amounts]
    tensor = reading.add(node, "PAD", inputs, in_order(shape, NHWC), schema.PadOptionsT())
    return replace(image, shape=shape, tensor=tensor)
