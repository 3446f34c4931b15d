"""Makes float32 of an .onnx in half precision: its weights exactly, its computation more exactly.

Source: onnxconverter-common, float16.py, and PyTorch's Module.half(), which write such files.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

HALVES = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model with float32 wherever it has float16 or bfloat16; itself where it has none.

    Raises:
        ValueError: The bytes of a tensor do not fit its shape.
    """
    if not _has_halves(model.graph):
        return model
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for tensor in _tensors(wide.graph):
        if tensor.data_type in HALVES:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in filter(_is_half, _values(wide.graph)):
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    for item in _casts_to_half(wide.graph):
        item.i = TensorProto.FLOAT
    return wide


def _has_halves(graph: onnx.GraphProto) -> bool:
    return (
        any(tensor.data_type in HALVES for tensor in _tensors(graph))
        or any(map(_is_half, _values(graph)))
        or any(True for _ in _casts_to_half(graph))
    )


def _casts_to_half(graph: onnx.GraphProto) -> Iterator[onnx.AttributeProto]:
    """What the casts to half precision are to, in place."""
    for node in graph.node:
        if node.op_type == "Cast":
            yield from (each for each in node.attribute if each.name == "to" and each.i in HALVES)


def _is_half(value: onnx.ValueInfoProto) -> bool:
    return value.type.tensor_type.elem_type in HALVES


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All constants, in place."""
    yield from graph.initializer
    for node in graph.node:
        yield from (item.t for item in node.attribute if item.HasField("t"))


def _values(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    yield from graph.input
    yield from graph.output
    yield from graph.value_info
