"""Reads normalizations of an .onnx that compute their own statistics, which stay in float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.onnx_files.elementwise import combined, unary, with_number
from strop.export.onnx_files.pools import reduced
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import NHWC, Value, own_order

EPSILON = 1e-5  # the default of all of them
LEAST_NORM = 1e-12  # keeps 0 / 0 out of a vector of zeros, which ONNX leaves as it is


def _normalized(reading: Reading, node: Node, value: Value, axes: Sequence[int]) -> Value:
    """Write (x - mean) / sqrt(variance + epsilon), in the operations that TensorFlow has."""
    along = tuple(axes)
    mean = reduced(reading, node, "MEAN", value, along, keeps=True)
    difference = combined(reading, node, "SUB", value, mean)
    square = unary(reading, node, difference, "SQUARE", schema.SquareOptionsT())
    variance = reduced(reading, node, "MEAN", square, along, keeps=True)
    epsilon = node.attributes.get("epsilon", EPSILON)
    spread = unary(reading, node, with_number(reading, node, variance, "ADD", epsilon), "RSQRT")
    return combined(reading, node, "MUL", difference, spread)


def _scaled(reading: Reading, node: Node, value: Value, shape: Sequence[int]) -> Value:
    """Multiply by the second input and add the third, constants which broadcast as `shape`."""
    for place, kind in ((1, "MUL"), (2, "ADD")):
        if node.has_input(place):
            numbers: Array = reading.fixed(node, place, "its weights are").astype(np.float32)
            # Of a group normalization up to opset 20 there is one for each group.
            numbers = numbers.reshape(-1).repeat(prod(shape) // numbers.size)
            value = combined(reading, node, kind, value, numbers.reshape(shape))
    return value


def read_layer_norm(reading: Reading, node: Node) -> None:
    """Read LayerNormalization over the last dimensions."""
    if len(node.outputs) > 1 and any(node.outputs[1:]):
        raise reading.refusal(node, "it gives its statistics as well", "strop reads one result")
    value = reading.value(node)
    rank = len(value.shape)
    axes = range(node.attributes.get("axis", -1) % rank, rank)
    value = reading.in_order_of(node, value, own_order(value.shape))
    shape = value.shape[axes.start :]
    found = _scaled(reading, node, _normalized(reading, node, value, axes), shape)
    reading.put(node, replace(found, is_positive=False))


def read_instance_norm(reading: Reading, node: Node) -> None:
    """Read InstanceNormalization: over all but images and channels."""
    value = reading.value(node)
    rank = len(value.shape)
    found = _normalized(reading, node, value, range(2, rank))
    shape = (value.shape[1], *(1,) * (rank - 2))
    reading.put(node, replace(_scaled(reading, node, found, shape), is_positive=False))


def read_group_norm(reading: Reading, node: Node) -> None:
    """Read GroupNormalization, whose weights are for each group up to opset 20."""
    value = reading.value(node)
    groups, channels = int(node.attributes["num_groups"]), value.shape[1]
    if groups < 1 or channels % groups:
        raise reading.refusal(node, f"{groups} groups of {channels} channels", "export it again")
    apart = (1, groups, channels // groups, prod(value.shape[2:]))
    found = _normalized(reading, node, reading.reshaped(node, value, apart), (2, 3))
    found = reading.reshaped(node, found, value.shape)
    shape = (channels, *(1,) * (len(value.shape) - 2))
    found = _scaled(reading, node, found, shape)
    reading.put(node, replace(found, is_positive=False))


def _norm(reading: Reading, node: Node, value: Value, axes: tuple[int, ...], keeps: bool) -> Value:
    """Write the root of the sum of squares."""
    square = unary(reading, node, value, "SQUARE", schema.SquareOptionsT())
    return unary(reading, node, reduced(reading, node, "SUM", square, axes, keeps=keeps), "SQRT")


def read_norm(reading: Reading, node: Node) -> None:
    """Read ReduceL2."""
    value = reading.value(node)
    rank = len(value.shape)
    axes = tuple(sorted({axis % rank for axis in (reading.axes(node) or range(rank))}))
    keeps = bool(node.attributes.get("keepdims", 1))
    reading.put(node, replace(_norm(reading, node, value, axes, keeps), is_positive=True))


def read_unit_norm(reading: Reading, node: Node) -> None:
    """Read LpNormalization by the root of squares."""
    if node.attributes.get("p", 2) != 2:
        raise reading.refusal(node, "a sum of absolute values", "strop reads p = 2")
    value = reading.value(node)
    axis = node.attributes.get("axis", -1) % len(value.shape)
    norm = _norm(reading, node, value, (axis,), keeps=True)
    norm = with_number(reading, node, norm, "MAXIMUM", LEAST_NORM)
    reading.put(node, replace(combined(reading, node, "DIV", value, norm), is_positive=False))


def read_local_response(reading: Reading, node: Node) -> None:
    """Read LRN, whose alpha is for the mean of squares; TFLite's is for their sum."""
    image = reading.picture(node)
    size = int(node.attributes["size"])
    if size % 2 == 0:
        raise reading.refusal(node, f"a window of {size} channels", "strop reads odd ones")
    options = schema.LocalResponseNormalizationOptionsT()
    options.radius = size // 2
    options.alpha = float(node.attributes.get("alpha", 1e-4)) / size
    options.beta = float(node.attributes.get("beta", 0.75))
    options.bias = float(node.attributes.get("bias", 1.0))
    kind = "LOCAL_RESPONSE_NORMALIZATION"
    tensor = reading.add(node, kind, [image.tensor], image.stored, options)
    reading.put(node, Value(shape=image.shape, order=NHWC, tensor=tensor))


NORMALIZATIONS: dict[str, Read] = {
    "LayerNormalization": read_layer_norm,
    "InstanceNormalization": read_instance_norm,
    "GroupNormalization": read_group_norm,
    "ReduceL2": read_norm,
    "LpNormalization": read_unit_norm,
    "LRN": read_local_response,
}
