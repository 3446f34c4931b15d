"""The int8 graph in NumPy, on integers, as plainly as it can be written.

Sums of products are int32 and exact. The requantization is the one of both engines'
linear kernels: the accumulator times the float32 multiplier input scale * weight scale /
output scale, rounded to nearest, ties to even. Sources: XNNPACK, "fp32" requantization,
src/qs8-requantization/fp32-scalar-lrintf.c; ONNX Runtime, MlasRequantizeOutput,
onnxruntime/core/mlas/lib/quantize.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from strop.export.ir.graph import (
    CODE_MAX,
    CODE_MIN,
    LINEAR,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    QuantParams,
)
from strop.export.kernels.bilinear import Coordinates
from strop.export.quantize.quantize import QuantizedGraph

# Sums of two operands are scaled by integers of so many bits behind the point: exact to
# 2^-31 of a code, where kernels have 2^-12 and less.
SUM_BITS = 40
PLACE_BITS = 12  # behind the point of a place between two pixels
UNARY: dict[Kind, Callable[[Array], Array]] = {
    Kind.LOGISTIC: lambda x: 1 / (1 + np.exp(-x)),
    Kind.TANH: np.tanh,
    Kind.HARD_SWISH: lambda x: x * np.clip(x + 3, 0, 6) / 6,
    Kind.RELU: lambda x: np.maximum(x, 0),
    Kind.RELU6: lambda x: np.clip(x, 0, 6),
    Kind.ELU: lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
}


def run(quantized: QuantizedGraph, pixels: Array) -> dict[str, Array]:
    """All activations' codes.

    Args:
        quantized: A graph with its integers.
        pixels: uint8 [H, W, C], one image.

    Returns:
        int8 codes by name, [1, ...] each, in the graph's shapes.
    """
    graph = quantized.graph
    codes = {graph.input: (pixels[None].astype(np.int16) + CODE_MIN).astype(np.int8)}
    for op in graph.ops:
        codes[op.output] = run_op(graph, op, codes)
    return codes


def run_op(graph: Graph, op: Op, codes: Mapping[str, Array]) -> Array:
    """One operation's codes.

    Args:
        graph: Gives constants, shapes and what codes mean.
        op: The operation.
        codes: int8 of at least its inputs that are activations.
    """
    operands = [graph.codes(name) if graph.is_constant(name) else codes[name] for name in op.inputs]
    if op.kind in LINEAR:
        found = _linear(graph, op, operands)
    elif op.kind in UNARY:
        found = _look_up(graph, op, operands[0])
    else:
        found = OPERATIONS[op.kind](graph, op, operands)
    low, high = _limits(_quant(graph, op.output), op.fused)
    result: Array = np.clip(found, low, high).astype(np.int8)
    return result.reshape(graph.tensors[op.output].shape)


def _quant(graph: Graph, name: str) -> QuantParams:
    quant = graph.tensors[name].quant
    assert quant is not None
    return quant


def _offset(graph: Graph, name: str, codes: Array) -> Array:
    """int32 distances from the zero point."""
    return codes.astype(np.int32) - _quant(graph, name).zero_point


def _limits(quant: QuantParams, fused: Fused) -> tuple[int, int]:
    low, high = CODE_MIN, CODE_MAX
    if fused is not Fused.NONE:
        low = max(low, quant.zero_point)
    if fused is Fused.RELU6:
        high = min(high, quant.zero_point + round(6 / quant.scale))
    return low, high


def _requantized(accumulator: Array, multiplier: Array, quant: QuantParams) -> Array:
    assert accumulator.dtype == np.int32
    assert multiplier.dtype == np.float32
    rounded: Array = np.rint(accumulator.astype(np.float32) * multiplier)
    # Far beyond int8 anything saturates; before the cast, which would wrap.
    return rounded.clip(-(2**20), 2**20).astype(np.int32) + quant.zero_point


def _linear(graph: Graph, op: Op, operands: list[Array]) -> Array:
    codes, weights, bias = operands
    offset = _offset(graph, op.inputs[0], codes)
    if op.kind is Kind.DEPTHWISE:
        accumulator = _depthwise(offset, weights, op)
    elif op.kind is Kind.CONV:
        accumulator = _conv(offset, weights, op)
    else:
        accumulator = _products(offset.reshape(1, -1), weights)
    scales = np.array(_quant(graph, op.inputs[1]).scales, np.float32)
    output = _quant(graph, op.output)
    multiplier = np.float32(_quant(graph, op.inputs[0]).scale) * scales / np.float32(output.scale)
    return _requantized(accumulator + bias, multiplier, output)


def _windows(image: Array, op: Op, taps: tuple[int, int]) -> Array:
    """[rows, columns, C, taps, taps] of [1, H, W, C]: what each output pixel reads."""
    padded = np.pad(image[0], (*op.pads, (0, 0)))
    extent = [(tap - 1) * spread + 1 for tap, spread in zip(taps, op.dilation, strict=True)]
    windows = sliding_window_view(padded, extent, axis=(0, 1))
    (down, right), (rows, columns) = op.stride, op.dilation
    read: Array = windows[::down, ::right, :, ::rows, ::columns]
    return read


def _conv(offset: Array, weights: Array, op: Op) -> Array:
    outputs, rows, columns, size = weights.shape
    windows = _windows(offset, op, (rows, columns)).transpose(0, 1, 3, 4, 2)
    groups = windows.shape[4] // size
    flat = [part.reshape(prod(windows.shape[:2]), -1) for part in np.split(windows, groups, axis=4)]
    own = np.split(weights.reshape(outputs, -1), groups)
    parts = [_products(*pair) for pair in zip(flat, own, strict=True)]
    return np.concatenate(parts, axis=1).reshape(*windows.shape[:2], outputs)


def _depthwise(offset: Array, weights: Array, op: Op) -> Array:
    _, rows, columns, outputs = weights.shape
    # Output channel o reads input channel o // multiplier.
    windows = _windows(offset, op, (rows, columns))
    windows = np.repeat(windows, outputs // windows.shape[2], axis=2)
    kernel = weights[0].astype(np.int32)
    accumulator = np.zeros(windows.shape[:3], np.int32)
    for row in range(rows):
        for column in range(columns):
            accumulator += windows[..., row, column] * kernel[row, column]
    return accumulator


def _products(values: Array, weights: Array) -> Array:
    """values [n, features] times weights [outputs, features], int32.

    BLAS has no integers: in float64 every product and sum here is a whole number below
    2^53, and therefore exact in any order.
    """
    sums: Array = (values.astype(np.float64) @ weights.astype(np.float64).T).astype(np.int32)
    return sums


def _sum(graph: Graph, op: Op, operands: list[Array]) -> Array:
    output = _quant(graph, op.output)
    signs = (1, -1 if op.kind is Kind.SUB else 1)
    total = np.zeros((), np.int64)
    for name, codes, sign in zip(op.inputs, operands, signs, strict=True):
        factor = round(_quant(graph, name).scale / output.scale * 2**SUM_BITS)
        total = total + sign * factor * _offset(graph, name, codes).astype(np.int64)
    # Half up, as XNNPACK: there is no tie where strop chose the scales.
    rounded: Array = (total + 2 ** (SUM_BITS - 1)) >> SUM_BITS
    return rounded + output.zero_point


def _product(graph: Graph, op: Op, operands: list[Array]) -> Array:
    output = _quant(graph, op.output)
    left, right = (
        _offset(graph, name, codes) for name, codes in zip(op.inputs, operands, strict=True)
    )
    scales = [np.float32(_quant(graph, name).scale) for name in op.inputs]
    multiplier = np.asarray(scales[0] * scales[1] / np.float32(output.scale))
    return _requantized(left * right, multiplier, output)


def _mean(graph: Graph, op: Op, operands: list[Array]) -> Array:
    output = _quant(graph, op.output)
    offset = _offset(graph, op.inputs[0], operands[0])
    pixels = np.float32(prod(offset.shape[1:3]))
    scale = np.float32(_quant(graph, op.inputs[0]).scale)
    multiplier = np.asarray(scale / (np.float32(output.scale) * pixels))
    return _requantized(offset.sum((1, 2), dtype=np.int32), multiplier, output)


def _max_pool(graph: Graph, op: Op, operands: list[Array]) -> Array:
    del graph
    # -128 is below every code or equal to it, so that padding never wins.
    shifted = operands[0].astype(np.int32) - CODE_MIN
    highest: Array = _windows(shifted, op, op.window).max((3, 4))
    return highest + CODE_MIN


def _average_pool(graph: Graph, op: Op, operands: list[Array]) -> Array:
    offset = _offset(graph, op.inputs[0], operands[0])
    counts = _windows(np.ones_like(offset), op, op.window).sum((3, 4), dtype=np.int32)
    totals = _windows(offset, op, op.window).sum((3, 4), dtype=np.int32)
    # Half up: floor((2 * total + count) / (2 * count)).
    rounded: Array = (2 * totals + counts) // (2 * counts)
    return rounded + _quant(graph, op.output).zero_point


def _bilinear(graph: Graph, op: Op, operands: list[Array]) -> Array:
    """In multiples of 2^-12 of a code for each side, exactly; half up, as XNNPACK."""
    shape = graph.tensors[op.output].shape
    rows, columns = (
        _weights(operands[0].shape[axis], shape[axis], op.coordinates) for axis in (1, 2)
    )
    # Whole numbers below 2^53, as in `_products`.
    total = np.einsum("or,pc,rck->opk", rows, columns, operands[0][0].astype(float), optimize=True)
    rounded: Array = (total.astype(np.int64) + 2 ** (2 * PLACE_BITS - 1)) >> (2 * PLACE_BITS)
    return rounded


def _weights(old: int, new: int, coordinates: Coordinates) -> Array:
    """What each of `new` places takes of each of `old` pixels, in multiples of 2^-12."""
    places = np.arange(new)
    if coordinates is Coordinates.ALIGN_CORNERS:
        numerators, denominator = places * (old - 1) * 2, (new - 1) * 2
    elif coordinates is Coordinates.HALF_PIXEL:
        numerators, denominator = (2 * places + 1) * old - new, 2 * new
    else:
        numerators, denominator = places * old * 2, new * 2
    places, rest = np.divmod(numerators * 2**PLACE_BITS, denominator)
    assert old == 1 or not rest.any()
    places = places.clip(0, (old - 1) * 2**PLACE_BITS)
    first, share = np.divmod(places, 2**PLACE_BITS)
    weights = np.zeros((new, old))
    np.add.at(weights, (np.arange(new), first), 2**PLACE_BITS - share)
    np.add.at(weights, (np.arange(new), np.minimum(first + 1, old - 1)), share)
    return weights


def _pad(graph: Graph, op: Op, operands: list[Array]) -> Array:
    zero_point = _quant(graph, op.inputs[0]).zero_point
    return np.pad(operands[0], ((0, 0), *op.pads, (0, 0)), constant_values=zero_point)


def _reshape(graph: Graph, op: Op, operands: list[Array]) -> Array:
    del graph, op
    return operands[0]


def _concatenate(graph: Graph, op: Op, operands: list[Array]) -> Array:
    del graph
    return np.concatenate(operands, op.axis)


def _slice(graph: Graph, op: Op, operands: list[Array]) -> Array:
    count = graph.tensors[op.output].shape[3]
    return operands[0][..., op.begin : op.begin + count]


def _crop(graph: Graph, op: Op, operands: list[Array]) -> Array:
    sides = graph.tensors[op.output].shape
    return operands[0][tuple(map(slice, op.corner, np.add(op.corner, sides)))]


def _transpose(graph: Graph, op: Op, operands: list[Array]) -> Array:
    del graph
    return operands[0].transpose(op.order)


def _shuffle(graph: Graph, op: Op, operands: list[Array]) -> Array:
    del graph
    codes = operands[0]
    grouped = codes.reshape(*codes.shape[:3], op.groups, -1)
    return grouped.swapaxes(3, 4).reshape(codes.shape)


def _look_up(graph: Graph, op: Op, codes: Array) -> Array:
    """By a table of all 256 codes, computed in float64."""
    source, output = _quant(graph, op.inputs[0]), _quant(graph, op.output)
    reals = source.scale * (np.arange(CODE_MIN, CODE_MAX + 1) - source.zero_point)
    table = np.rint(UNARY[op.kind](reals) / output.scale) + output.zero_point
    found: Array = table.clip(CODE_MIN, CODE_MAX)[codes.astype(np.int32) - CODE_MIN]
    return found


def _softmax(graph: Graph, op: Op, operands: list[Array]) -> Array:
    """The one step that is not on integers: float64, over the last axis."""
    source, output = _quant(graph, op.inputs[0]), _quant(graph, op.output)
    wide = operands[0].astype(np.int32)
    powers = np.exp(source.scale * (wide - wide.max(axis=-1, keepdims=True)))
    shares = powers / powers.sum(axis=-1, keepdims=True)
    rounded: Array = np.rint(shares / output.scale)
    return rounded + output.zero_point


OPERATIONS: dict[Kind, Callable[[Graph, Op, list[Array]], Array]] = {
    Kind.ADD: _sum,
    Kind.SUB: _sum,
    Kind.MUL: _product,
    Kind.MEAN: _mean,
    Kind.MAX_POOL: _max_pool,
    Kind.AVERAGE_POOL: _average_pool,
    Kind.BILINEAR: _bilinear,
    Kind.PAD: _pad,
    Kind.RESHAPE: _reshape,
    Kind.CONCATENATION: _concatenate,
    Kind.SLICE: _slice,
    Kind.CROP: _crop,
    Kind.TRANSPOSE: _transpose,
    Kind.SHUFFLE: _shuffle,
    Kind.SOFTMAX: _softmax,
}
