"""Stores the weights of a float .tflite as float16.

A DEQUANTIZE in front of each layer widens them, as TensorFlow's converter writes it; LiteRT does so
once, when it opens the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array, Kind
from strop.export.ir.tflite_bytes import packed
from strop.export.ir.tflite_edit import add_tensor, new_operator, set_values
from strop.export.ir.tflite_names import operator_name

LAYERS = frozenset({Kind.CONV, Kind.DEPTHWISE, Kind.DENSE, "TRANSPOSE_CONV"})
WEIGHTS = 1  # which of a layer's inputs
FROM_FLOAT16 = 3  # DEQUANTIZE's version
LARGEST = float(np.finfo(np.float16).max)


def with_half_weights(tflite: bytes) -> bytes:
    """Return a float32 .tflite with the weights of its layers in float16.

    Biases and other constants stay float32, as do weights beyond float16's range.
    """
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    tensors = model.subgraphs[0].tensors
    widened: list[Any] = []
    for place, values in list(_weights(model)):
        half = add_tensor(model, f"{(tensors[place].name or b'').decode()}/float16", values.shape)
        tensors[half].type = schema.TensorType.FLOAT16
        set_values(model, tensors[half], values.astype(np.float16))
        tensors[place].buffer = 0  # no constant from now on
        widened.append(new_operator(model, "DEQUANTIZE", [half], place))
        model.operatorCodes[-1].version = FROM_FLOAT16
    model.subgraphs[0].operators = [*widened, *model.subgraphs[0].operators]
    read = {tensor.buffer for tensor in tensors} | {each.buffer for each in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in read:
            buffer.data = None
    return packed(model)


def _weights(model: Any) -> Iterator[tuple[int, Array]]:
    """Places and values of the constants that layers have as weights, each once."""
    subgraph = model.subgraphs[0]
    layers = (each for each in subgraph.operators if operator_name(model, each) in LAYERS)
    for place in sorted({int(layer.inputs[WEIGHTS]) for layer in layers}):
        tensor = subgraph.tensors[place]
        data = model.buffers[tensor.buffer].data
        if data is None or tensor.type != schema.TensorType.FLOAT32:
            continue
        values = np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)
        if np.abs(values).max(initial=0.0) <= LARGEST:
            yield place, values
