"""Reads the layers of an .onnx that have weights: convolutions, dense layers, normalization."""

from __future__ import annotations

from copy import copy
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import NO_PADS, Array, Pads, same_pads
from strop.export.ir.tflite_file import GROUPED
from strop.export.onnx_files.constants import EPSILON
from strop.export.onnx_files.elementwise import with_number
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import NHWC, Value, in_order, own_order
from strop.export.onnx_files.windows import pads_of, pair, windowed, with_zeros

ROW = 3  # dimensions of what a convolution in 1D reads


def read_conv(reading: Reading, node: Node) -> None:
    """Read Conv, with the BatchNormalization that alone reads it; in 1D as of one row of pixels."""
    value, weights = reading.value(node), reading.fixed(node, 1, "its weights are")
    if weights.ndim == len(value.shape) == ROW:
        wide = reading.reshaped(node, value, (*value.shape[:2], 1, value.shape[2]))
        last, found = _convolved(reading, _in_2d(node), wide, weights[:, :, np.newaxis])
        found = reading.reshaped(node, found, (1, found.shape[1], found.shape[3]))
    else:
        last, found = _convolved(reading, node, value, weights)
    reading.put(last, found)


def _in_2d(node: Node) -> Node:
    """A node in 1D with the attributes of one in 2D."""
    found = copy(node)
    found.attributes = dict(node.attributes)
    for name in found.attributes.keys() & {"strides", "dilations"}:
        found.attributes[name] = [1, *found.attributes[name]]
    if "pads" in found.attributes:
        before, after = found.attributes["pads"]
        found.attributes["pads"] = [0, before, 0, after]
    return found


def _convolved(reading: Reading, node: Node, value: Value, weights: Array) -> tuple[Node, Value]:
    """Write a convolution, and return the node whose result it gives."""
    image = reading.as_picture(node, value)
    if weights.ndim != 4:
        raise reading.refusal(node, f"weights {weights.shape}", "strop reads convolutions in 2D")
    bias = reading.fixed(node, 2, "its bias is") if node.has_input(2) else np.zeros(len(weights))
    weights, bias, last = normalized(reading, node, weights, bias)
    groups = node.attributes.get("group", 1)
    channels = image.shape[1]
    if weights.shape[1] * groups != channels or len(weights) % groups:
        raise reading.refusal(
            node,
            f"weights {weights.shape} in {groups} groups for {channels} channels",
            "the file contradicts itself: export it again",
        )
    stride = pair(node.attributes.get("strides"))
    dilation = pair(node.attributes.get("dilations"))
    window = (weights.shape[2], weights.shape[3])
    pads = pads_of(reading, node, image, window, stride, dilation)
    is_depthwise = groups == channels > 1
    kernel = weights.transpose((1, 2, 3, 0) if is_depthwise else (0, 2, 3, 1))
    sides = windowed(image, window, stride, dilation, pads)
    same = same_pads((image.shape[2], image.shape[3]), window, stride, dilation)
    padding = _padding(pads, same)
    padded = image if padding is not None else with_zeros(reading, node, image, pads)
    options = _options(is_depthwise, stride, dilation, len(weights) // channels)
    options.padding = schema.Padding.VALID if padding is None else padding
    inputs = [padded.tensor, reading.number(node, kernel), reading.number(node, bias)]
    shape = (1, len(weights), *sides)
    result = reading.add(
        node,
        "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D",
        inputs,
        in_order(shape, NHWC),
        options,
        version=GROUPED if groups > 1 and not is_depthwise else 1,
    )
    return last, Value(shape=shape, order=NHWC, tensor=result)


def _padding(pads: Pads, same: Pads) -> int | None:
    """TFLite's name of a padding; None if it has none."""
    if pads == NO_PADS:
        return int(schema.Padding.VALID)
    return int(schema.Padding.SAME) if pads == same else None


def _options(
    is_depthwise: bool, stride: tuple[int, int], dilation: tuple[int, int], multiplier: int
) -> Any:
    options = schema.DepthwiseConv2DOptionsT() if is_depthwise else schema.Conv2DOptionsT()
    options.strideH, options.strideW = stride
    options.dilationHFactor, options.dilationWFactor = dilation
    if is_depthwise:
        options.depthMultiplier = multiplier
    return options


def normalized(
    reading: Reading, node: Node, weights: Array, bias: Array
) -> tuple[Array, Array, Node]:
    """Weights [out, ...] and bias with the normalization behind them.

    Returns:
        And the node whose result they give.
    """
    after = reading.only_reader(node.outputs[0])
    if after is None or after.kind != "BatchNormalization" or after.inputs[0] != node.outputs[0]:
        return weights, bias, node
    factor, term = _factors(reading, after, len(weights))
    reading.done.add(after.outputs[0])
    scaled = weights * factor.reshape(-1, *(1,) * (weights.ndim - 1))
    return scaled, bias * factor + term, after


def _factors(reading: Reading, node: Node, channels: int) -> tuple[Array, Array]:
    """What a BatchNormalization multiplies by and adds, float64, per channel."""
    if node.attributes.get("training_mode", 0) or len(node.outputs) > 1:
        raise reading.refusal(
            node, "it computes its own statistics", "export the model in eval mode: model.eval()"
        )
    scale, offset, mean, variance = (
        reading.fixed(node, place, "its statistics are").astype(np.float64).reshape(-1)
        for place in range(1, 5)
    )
    if {len(values) for values in (scale, offset, mean, variance)} != {channels}:
        raise reading.refusal(
            node, f"other statistics than of {channels} channels", "export the model again"
        )
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", EPSILON))
    return factor, offset - mean * factor


def read_batch_norm(reading: Reading, node: Node) -> None:
    """Read BatchNormalization that is not behind a convolution: a product and a sum."""
    if node.outputs[0] in reading.done:
        return
    value = reading.value(node)
    if len(value.shape) == len(NHWC):
        value = reading.in_order_of(node, value, NHWC)
    factor, term = _factors(reading, node, value.shape[1])
    if value.along(1) != len(value.shape) - 1:
        raise reading.refusal(node, f"of {value.shape}", "strop reads those of pictures and rows")
    scaled = with_number(reading, node, value, "MUL", factor)
    reading.put(node, with_number(reading, node, scaled, "ADD", term))


def read_gemm(reading: Reading, node: Node) -> None:
    """Read Gemm with constant weights."""
    if node.attributes.get("transA", 0):
        raise reading.refusal(node, "it transposes its input", "export it without transA")
    weights = reading.fixed(node, 1, "its weights are")
    if not node.attributes.get("transB", 0):
        weights = weights.T
    weights = weights * node.attributes.get("alpha", 1.0)
    bias = np.zeros(len(weights))
    if node.has_input(2):
        given = reading.fixed(node, 2, "its bias is") * node.attributes.get("beta", 1.0)
        bias = np.broadcast_to(given, (1, len(weights))).reshape(-1)
    weights, bias, last = normalized(reading, node, weights, bias)
    _dense(reading, node, weights, bias, last)


def read_matmul(reading: Reading, node: Node) -> None:
    """Read MatMul: a dense layer, or a product of two activations."""
    weights = reading.constant(node, 1)
    if weights is None or weights.ndim != 2:
        _product(reading, node)
        return
    bias, last = np.zeros(weights.shape[1]), node
    after = reading.only_reader(node.outputs[0])
    if after is not None and after.kind == "Add":
        other = 1 - after.inputs.index(node.outputs[0])
        found = reading.constant(after, other)
        if found is not None and found.shape in ((len(bias),), (1, len(bias))):
            bias, last = found.reshape(-1), after
            reading.done.add(after.outputs[0])
    _dense(reading, node, weights.T, bias, last)


def _dense(reading: Reading, node: Node, weights: Array, bias: Array, last: Node) -> None:
    value = reading.raw(node)
    if value.shape[-1] != weights.shape[1]:
        raise reading.refusal(
            node,
            f"weights for {weights.shape[1]} features, and {value.shape} comes in",
            "the file contradicts itself, or --size is not the one that it was made for",
        )
    if value.flattened is not None:
        weights = _as_stored(value, weights)
    else:
        value = reading.in_order_of(node, value, own_order(value.shape))
    shape = (*value.shape[:-1], len(weights))
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = len(shape) > 2
    inputs = [value.tensor, reading.number(node, weights), reading.number(node, bias)]
    result = reading.add(node, "FULLY_CONNECTED", inputs, shape, options)
    reading.put(last, Value(shape=shape, order=own_order(shape), tensor=result))


def _as_stored(value: Value, weights: Array) -> Array:
    """Weights whose columns are in the order in which a flattened picture is stored."""
    flattened = value.flattened
    if flattened is None:
        return weights
    apart = weights.reshape(len(weights), *flattened.shape)
    moved = apart.transpose(0, *(axis + 1 for axis in flattened.order))
    return moved.reshape(len(weights), prod(flattened.shape))


def _product(reading: Reading, node: Node) -> None:
    """Read a product of matrices that are both computed, or of a stack of constant ones."""
    tensors, shapes = [], []
    for place in (0, 1):
        constant = reading.constant(node, place)
        if constant is not None:
            tensors.append(reading.number(node, constant))
            shapes.append(constant.shape)
            continue
        value = reading.value(node, place)
        tensors.append(reading.moved(node, value, own_order(value.shape)))
        shapes.append(value.shape)
    (*outer, rows, _), (*others, _, columns) = shapes
    shape = (*np.broadcast_shapes(tuple(outer), tuple(others)), rows, columns)
    result = reading.add(node, "BATCH_MATMUL", tensors, shape, schema.BatchMatMulOptionsT())
    reading.put(node, Value(shape=shape, order=own_order(shape), tensor=result))


PRODUCTS: dict[str, Read] = {
    "Conv": read_conv,
    "BatchNormalization": read_batch_norm,
    "Gemm": read_gemm,
    "MatMul": read_matmul,
}
