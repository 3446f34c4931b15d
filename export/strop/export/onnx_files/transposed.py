"""Reads transposed convolutions of an .onnx, as PyTorch's ConvTranspose2d writes them."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.onnx_files.products import normalized
from strop.export.onnx_files.reading import Node, Reading
from strop.export.onnx_files.values import NHWC, Value, in_order
from strop.export.onnx_files.windows import pair

WITH_BIAS = 3  # version of TRANSPOSE_CONV


def read_transposed(reading: Reading, node: Node) -> None:
    """Read ConvTranspose: all that its windows reach, of which the padding is cut off."""
    image = reading.picture(node)
    weights = reading.fixed(node, 1, "its weights are")
    _refuse_others(reading, node, weights.shape, image.shape[1])
    weights = weights.transpose((1, 0, 2, 3))
    bias = reading.fixed(node, 2, "its bias is") if node.has_input(2) else np.zeros(len(weights))
    weights, bias, last = normalized(reading, node, weights, bias)
    stride = pair(node.attributes.get("strides"))
    whole = [
        (length - 1) * step + taps
        for length, step, taps in zip(image.shape[2:], stride, weights.shape[2:], strict=True)
    ]
    options = schema.TransposeConvOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH, options.strideW = stride
    shape = (1, len(weights), *whole)
    inputs = [
        reading.number(node, np.array(in_order(shape, NHWC), np.int32)),
        reading.number(node, weights.transpose((0, 2, 3, 1))),
        image.tensor,
        reading.number(node, bias),
    ]
    stored = in_order(shape, NHWC)
    tensor = reading.add(node, "TRANSPOSE_CONV", inputs, stored, options, version=WITH_BIAS)
    reading.put(last, _cut(reading, node, Value(shape=shape, order=NHWC, tensor=tensor)))


def _refuse_others(reading: Reading, node: Node, weights: tuple[int, ...], channels: int) -> None:
    others = {
        "groups": node.attributes.get("group", 1) != 1,
        "dilations": pair(node.attributes.get("dilations")) != (1, 1),
        "auto_pad": node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"),
        "output_shape": "output_shape" in node.attributes,
    }
    found = [name for name, is_given in others.items() if is_given]
    if found:
        raise reading.refusal(
            node,
            f"with {', '.join(found)}",
            "strop reads those with strides, pads and output_padding",
        )
    if len(weights) != 4 or weights[0] != channels:
        raise reading.refusal(
            node,
            f"weights {weights} for {channels} channels",
            "strop reads convolutions in 2D, whose weights begin with the channels",
        )


def _cut(reading: Reading, node: Node, whole: Value) -> Value:
    """Cut the padding off, less what is to be added at the end."""
    top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0))
    more = node.attributes.get("output_padding", (0, 0))
    ends = (bottom - more[0], right - more[1])
    sides = (whole.shape[2] - top - ends[0], whole.shape[3] - left - ends[1])
    if min(top, left, *ends) < 0 or min(sides) < 1:
        raise reading.refusal(
            node,
            f"pads {(top, left, bottom, right)} and output_padding {tuple(more)}",
            "the padding at the end has to be as large as output_padding, and leave something",
        )
    if (top, left, *ends) == (0, 0, 0, 0):
        return whole
    shape = (*whole.shape[:2], *sides)
    begin, size = np.array((0, top, left, 0), np.int32), np.array(in_order(shape, NHWC), np.int32)
    inputs = [whole.tensor, reading.number(node, begin), reading.number(node, size)]
    tensor = reading.add(node, "SLICE", inputs, in_order(shape, NHWC), schema.SliceOptionsT())
    return Value(shape=shape, order=NHWC, tensor=tensor)
