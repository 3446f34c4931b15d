"""Makes float32 of the int8 weights of a dynamic range .tflite, which computes in float.

LiteRT's kernels for such a file round each picture's activations to int8 as they run. The function
that its weights stand for has none of that: it is what strop starts from.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quant
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.tflite_edit import set_values
from strop.export.tflite_files.tensors import (
    indices_of,
    is_constant,
    is_quantized,
    name_of,
    type_of,
)
from strop.runtime.errors import SourceError

MAX_BYTES = 2**31 - 1  # a flatbuffer's own limit
FLOAT_BYTES = 4


def widen_weights(model: Any, path: Path) -> bool:
    """Give int8 weights of operations in float the values that they stand for, in place.

    Args:
        model: A schema.ModelT whose operators were vetted.
        path: Of its file, for errors.

    Returns:
        Whether there were any.

    Raises:
        SourceError: Their bytes or scales do not fit their shape, they have other types than int8,
            or they are too large in float32.
    """
    (subgraph,) = model.subgraphs
    indices = _hybrid_weights(model, subgraph)
    tensors = [subgraph.tensors[index] for index in indices]
    total = FLOAT_BYTES * sum(prod(indices_of(tensor.shape)) for tensor in tensors)
    if total > MAX_BYTES:
        raise SourceError(
            f"{path}: its int8 weights are {total} bytes in float32; strop takes up to {MAX_BYTES}"
        )
    for tensor in tensors:
        set_values(model, tensor, _reals(model, tensor, path))
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    return bool(tensors)


def _hybrid_weights(model: Any, subgraph: Any) -> list[int]:
    """Constants of codes that operations with float results read."""
    found = set()
    for operator in subgraph.operators:
        results = [subgraph.tensors[index] for index in indices_of(operator.outputs)]
        inputs = [index for index in indices_of(operator.inputs) if index >= 0]
        is_known = all(is_constant(model, index) for index in inputs)
        if is_known or any(map(is_quantized, results)):
            continue  # makes float weights of others, as DEQUANTIZE does
        for index in inputs:
            if is_constant(model, index) and is_quantized(subgraph.tensors[index]):
                found.add(index)
    return sorted(found)


def _reals(model: Any, tensor: Any, path: Path) -> Array:
    where = f"{path}: weights {name_of(tensor)}"
    if type_of(tensor) != "int8" or tensor.sparsity is not None:
        kind = "sparse " if tensor.sparsity is not None else ""
        raise SourceError(
            f"{where} are {kind}{type_of(tensor)} (dynamic range); strop takes int8, float16 and"
            " float32: convert so"
        )
    shape = indices_of(tensor.shape)
    codes = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8)
    scales = np.array(tensor.quantization.scale, np.float32)
    zeros = tensor.quantization.zeroPoint
    zero_points = np.zeros(1) if zeros is None else np.array(zeros, np.float32)
    axis = int(tensor.quantization.quantizedDimension)
    if codes.size != prod(shape) or not all(
        each.size == 1 or (axis < len(shape) and each.size == shape[axis])
        for each in (scales, zero_points)
    ):
        raise SourceError(
            f"{where}: their bytes or scales do not fit their shape; it is damaged: copy or convert"
            " it again"
        )
    sides = [-1 if at == axis else 1 for at in range(len(shape))]
    reals: Array = codes.reshape(shape) - _along(zero_points, sides)
    return (reals * _along(scales, sides)).astype(np.float32)


def _along(values: Array, sides: list[int]) -> Array:
    """One number for all, or one for each place along an axis."""
    return values if values.size == 1 else values.reshape(sides)
