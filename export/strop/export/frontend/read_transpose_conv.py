"""Reads a transposed convolution (Conv2DTranspose) as a convolution and a change of order.

With stride s every s-th row of the result is an ordinary convolution of the input, with every s-th
row of the kernel. So one convolution gives all s * s of them as channels, and their pixels are then
put between each other. Both engines have that in int8; ONNX Runtime has no int8 ConvTranspose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader, fused_activation
from strop.export.ir.graph import Array, Kind, Op, Tensor, float_constant

Phases = tuple[Array, tuple[int, int], int]
"""Which tap of the kernel each phase has at each tap of the convolution, [phases, taps], -1 for
none; padding before and behind; how often the phases are in the result."""


def read_transpose_conv(reader: Reader, packed: Any, output: str) -> list[Op]:
    """Read TRANSPOSE_CONV."""
    options = packed.builtinOptions
    weights = reader.constant(packed.inputs[1])
    if weights is None:
        raise NoInt8FormError(
            output, "its weights are computed by the model", "int8 needs them constant"
        )
    size = reader.shape(packed.inputs[2])[1:3]
    _, *found, outputs = reader.tensors[output].shape
    is_same = options.padding == schema.Padding.SAME
    rows, columns = (
        phases_of(size[at], found[at], weights.shape[1 + at], stride, is_same=is_same)
        for at, stride in enumerate((options.strideH, options.strideW))
    )
    bias = _bias(reader, packed, outputs)
    kernel = _kernel(weights, rows[0], columns[0])
    phases = len(rows[0]) * len(columns[0])
    names = [f"{output}/{ending}" for ending in ("phases", "apart", "between", "all")]
    shapes = [
        (1, rows[2], columns[2], phases * outputs),
        (1, rows[2], columns[2], len(rows[0]), len(columns[0]) * outputs),
        (1, rows[2], len(rows[0]), columns[2], len(columns[0]) * outputs),
        (1, rows[2] * len(rows[0]), columns[2] * len(columns[0]), outputs),
    ]
    constants = (
        float_constant(f"{output}/kernel", kernel),
        float_constant(f"{output}/bias", np.tile(bias, phases)),
    )
    made = [Tensor(name=name, shape=shape) for name, shape in zip(names, shapes, strict=True)]
    reader.tensors |= {tensor.name: tensor for tensor in (*constants, *made)}
    return [
        Op(
            kind=Kind.CONV,
            inputs=(reader.names[packed.inputs[2]], *(one.name for one in constants)),
            output=names[0],
            fused=fused_activation(options.fusedActivationFunction, output),
            pads=(rows[1], columns[1]),
        ),
        Op(kind=Kind.RESHAPE, inputs=(names[0],), output=names[1]),
        Op(kind=Kind.TRANSPOSE, inputs=(names[1],), output=names[2], order=(0, 1, 3, 2, 4)),
        Op(kind=Kind.RESHAPE, inputs=(names[2],), output=names[3]),
        _cut(reader, names[3], output),
    ]


def _cut(reader: Reader, name: str, output: str) -> Op:
    """Return the rows and columns that the result has, where the last phases are not all in it."""
    if reader.tensors[name].shape == reader.tensors[output].shape:
        return Op(kind=Kind.RESHAPE, inputs=(name,), output=output)
    return Op(kind=Kind.CROP, inputs=(name,), output=output, corner=(0, 0, 0, 0))


def phases_of(size: int, found: int, taps: int, stride: int, *, is_same: bool) -> Phases:
    """Return how one dimension of the result is computed.

    The result at o is the sum over t of the input at i times the kernel at t, where
    i * stride + t - before = o.

    Args:
        size: Of the input.
        found: Of the result.
        taps: Of the kernel.
        stride: Of the transposed convolution.
        is_same: Whether its padding is SAME.
    """
    before = max((size - 1) * stride + taps - found, 0) // 2 if is_same else 0
    firsts = [(phase + before) // stride for phase in range(stride)]
    rests = [(phase + before) % stride for phase in range(stride)]
    reach = [(taps - 1 - rest) // stride for rest in rests]
    # Tap j of the convolution reads the input at its own place + lowest + j.
    lowest = min(first - far for first, far in zip(firsts, reach, strict=True))
    highest = max(max(firsts), lowest)
    places = np.arange(lowest, highest + 1)
    table = np.array(
        [rest + (first - places) * stride for first, rest in zip(firsts, rests, strict=True)]
    )
    table[(table < 0) | (table >= taps)] = -1
    count = -(-found // stride)
    return table, (-lowest, highest + count - size), count


def _kernel(weights: Array, rows: Array, columns: Array) -> Array:
    """Split weights [out, h, w, in] by phase: [row phases * column phases * out, h, w, in]."""
    padded = np.pad(weights, ((0, 0), (0, 1), (0, 1), (0, 0)))  # -1 takes the zeros
    taken = padded[:, rows][:, :, :, columns]  # [out, row phase, h, column phase, w, in]
    ordered = taken.transpose(1, 3, 0, 2, 4, 5)
    return ordered.reshape(-1, rows.shape[1], columns.shape[1], weights.shape[3])


def _bias(reader: Reader, packed: Any, outputs: int) -> Array:
    found = reader.constant(packed.inputs[3]) if len(packed.inputs) > 3 else None
    return np.zeros(outputs) if found is None else found.reshape(outputs)
