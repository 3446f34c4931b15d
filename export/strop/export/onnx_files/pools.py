"""Reads pools, means and maxima over dimensions of an .onnx."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array, Pads, same_pads
from strop.export.onnx_files.elementwise import with_number
from strop.export.onnx_files.moves import sliced
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import NHWC, Value, in_order, without
from strop.export.onnx_files.windows import pads_of, pair, windowed, with_zeros

ROWS_AND_COLUMNS = (2, 3)


def read_reduction(kind: str) -> Read:
    """Read ReduceMean, ReduceMax, ReduceMin or ReduceSum, as TFLite's `kind`."""

    def read(reading: Reading, node: Node) -> None:
        value = reading.value(node)
        rank = len(value.shape)
        axes = tuple(sorted({axis % rank for axis in (reading.axes(node) or range(rank))}))
        keeps = bool(node.attributes.get("keepdims", 1))
        reading.put(node, reduced(reading, node, kind, value, axes, keeps=keeps))

    return read


def read_global(kind: str) -> Read:
    """Read GlobalAveragePool or GlobalMaxPool, as TFLite's `kind`."""

    def read(reading: Reading, node: Node) -> None:
        image = reading.picture(node)
        reading.put(node, reduced(reading, node, kind, image, ROWS_AND_COLUMNS, keeps=True))

    return read


def reduced(
    reading: Reading, node: Node, kind: str, value: Value, axes: tuple[int, ...], *, keeps: bool
) -> Value:
    """Write a reduction over dimensions of the .onnx, as TFLite's `kind`."""
    options = schema.ReducerOptionsT()
    options.keepDims = keeps
    along = sorted(value.along(axis) for axis in axes)
    shape = tuple(1 if axis in axes else side for axis, side in enumerate(value.shape))
    order = value.order
    if not keeps:
        shape = tuple(side for axis, side in enumerate(value.shape) if axis not in axes)
        order = without(value.order, axes)
    places = reading.number(node, np.array(along, np.int32))
    result = reading.add(node, kind, [value.tensor, places], in_order(shape, order), options)
    return replace(value, shape=shape, order=order, tensor=result)


def read_max_pool(reading: Reading, node: Node) -> None:
    """Read MaxPool."""
    if len(node.outputs) > 1 or node.attributes.get("storage_order", 0):
        raise reading.refusal(node, "it gives places as well", "strop reads one result")
    image, window, stride, pads, sides = _window(reading, node)
    is_same = pads == same_pads((image.shape[2], image.shape[3]), window, stride, (1, 1))
    if is_same or not any(map(any, pads)):
        _pool(reading, node, image, "MAX_POOL_2D", window, stride, sides, is_same=is_same)
        return
    if image.is_positive:  # a zero in the padding is no maximum of its own
        padded = with_zeros(reading, node, image, pads)
        _pool(reading, node, padded, "MAX_POOL_2D", window, stride, sides, is_same=False)
        return
    _every_nth_maximum(reading, node, image, window, stride, pads)


def _every_nth_maximum(
    reading: Reading,
    node: Node,
    image: Value,
    window: tuple[int, int],
    stride: tuple[int, int],
    pads: Pads,
) -> None:
    """Write a pool whose padding is in the middle as one of stride 1, and every n-th of it."""
    middle = tuple(((taps - 1) // 2, taps // 2) for taps in window)
    begins = [pad[0] - half[0] for pad, half in zip(pads, middle, strict=True)]
    if any(begins):
        raise reading.refusal(
            node,
            f"padding {pads} of values that may be below 0",
            "put a ReLU in front of it, or a padding of half the window",
        )
    sides = (image.shape[2], image.shape[3])
    _pool(reading, node, image, "MAX_POOL_2D", window, (1, 1), sides, is_same=True)
    dense = reading.values[node.outputs[0]]
    taken = [slice(0, side, step) for side, step in zip(dense.shape, (1, 1, *stride), strict=True)]
    reading.put(node, sliced(reading, node, dense, taken))


def read_average_pool(reading: Reading, node: Node) -> None:
    """Read AveragePool, whose padding may count or not."""
    image, window, stride, pads, sides = _window(reading, node)
    counts = bool(node.attributes.get("count_include_pad", 0))
    is_same = pads == same_pads((image.shape[2], image.shape[3]), window, stride, (1, 1))
    is_padded = any(map(any, pads))
    if not is_padded or (is_same and not counts):
        _pool(reading, node, image, "AVERAGE_POOL_2D", window, stride, sides, is_same=is_padded)
        return
    padded = with_zeros(reading, node, image, pads)
    _pool(reading, node, padded, "AVERAGE_POOL_2D", window, stride, sides, is_same=False)
    own = pads_of(reading, node, image, window, stride) if counts else ((0, 0), (0, 0))
    factors = _border_factors(image, window, stride, pads, own, sides)
    if np.all(factors == 1):
        return
    value = reading.values[node.outputs[0]]
    found = with_number(reading, node, value, "MUL", factors)
    reading.put(node, replace(found, is_positive=value.is_positive))


def _border_factors(
    image: Value,
    window: tuple[int, int],
    stride: tuple[int, int],
    pads: Pads,
    counted: Pads,
    sides: tuple[int, int],
) -> Array:
    """What an average over all of a window is multiplied by, [1, rows, columns, 1].

    Args:
        image: What is averaged.
        window: Rows and columns.
        stride: Of the window.
        pads: Around the image.
        counted: How much of the padding counts as places.
        sides: Rows and columns of the result.
    """
    shares = []
    for length, pad, more, taps, step, count in zip(
        image.shape[2:], pads, counted, window, stride, sides, strict=True
    ):
        line = np.zeros(length + sum(pad))
        line[pad[0] - more[0] : pad[0] + length + more[1]] = 1
        inside = [line[at * step : at * step + taps].sum() for at in range(count)]
        shares.append(taps / np.array(inside))
    factors: Array = shares[0][None, :, None, None] * shares[1][None, None, :, None]
    return factors


def _window(
    reading: Reading, node: Node
) -> tuple[Value, tuple[int, int], tuple[int, int], Pads, tuple[int, int]]:
    """Image, window, stride, padding with what ceil_mode adds, and the result's sides."""
    image = reading.picture(node)
    window = pair(node.attributes.get("kernel_shape"))
    stride = pair(node.attributes.get("strides"))
    if pair(node.attributes.get("dilations")) != (1, 1):
        raise reading.refusal(node, "a dilated window", "strop reads pools without dilation")
    pads = pads_of(reading, node, image, window, stride)
    if not node.attributes.get("ceil_mode", 0):
        return image, window, stride, pads, windowed(image, window, stride, (1, 1), pads)
    longer, sides = [], []
    for length, pad, taps, step in zip(image.shape[2:], pads, window, stride, strict=True):
        count = -(-(length + sum(pad) - taps) // step) + 1
        if (count - 1) * step >= length + pad[0]:
            count -= 1  # a window that begins behind the picture is none
        reach = (count - 1) * step + taps
        longer.append((pad[0], max(reach - length - pad[0], 0)))
        sides.append(count)
    return image, window, stride, (longer[0], longer[1]), (sides[0], sides[1])


def _pool(
    reading: Reading,
    node: Node,
    image: Value,
    kind: str,
    window: tuple[int, int],
    stride: tuple[int, int],
    sides: tuple[int, int],
    *,
    is_same: bool,
) -> None:
    options = schema.Pool2DOptionsT()
    options.filterHeight, options.filterWidth = window
    options.strideH, options.strideW = stride
    options.padding = schema.Padding.SAME if is_same else schema.Padding.VALID
    shape = (1, image.shape[1], *sides)
    result = reading.add(node, kind, [image.tensor], in_order(shape, NHWC), options)
    reading.put(node, replace(image, shape=shape, order=NHWC, tensor=result))


POOLS: dict[str, Read] = {
    "GlobalAveragePool": read_global("MEAN"),
    "GlobalMaxPool": read_global("REDUCE_MAX"),
    "ReduceMean": read_reduction("MEAN"),
    "ReduceMax": read_reduction("REDUCE_MAX"),
    "ReduceMin": read_reduction("REDUCE_MIN"),
    "ReduceSum": read_reduction("SUM"),
    "MaxPool": read_max_pool,
    "AveragePool": read_average_pool,
}
