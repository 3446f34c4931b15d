"""Reads the tensors of a float .tflite, and what all kinds of operations have in common.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.ir.graph import Array, Fused, Tensor, float_constant
from strop.export.ir.tflite_names import unique_names
from strop.export.ir.tflite_options import CODES

FUSED = {code: fused for fused, code in CODES.items()}
DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
}


class Reader:
    """The tensors by name, and those that reading adds.

    Args:
        model: A schema.ModelT.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.subgraph = model.subgraphs[0]
        tensors = self.subgraph.tensors
        constants = {index for index in range(len(tensors)) if self.constant(index) is not None}
        self.names = unique_names(tensors, constants)
        self.tensors: dict[str, Tensor] = {}
        for index, name in enumerate(self.names):
            data = self.constant(index)
            if data is None:
                self.tensors[name] = Tensor(name=name, shape=self.shape(index))
            elif data.dtype == np.float32:
                self.tensors[name] = float_constant(name, data)

    def constant(self, index: int) -> Array | None:
        """Return values of a constant tensor; None for an activation."""
        tensor = self.subgraph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        if data is None or len(data) == 0 or tensor.type not in DTYPES:
            return None
        shape = tuple(int(side) for side in tensor.shape) if tensor.shape is not None else ()
        values: Array = np.frombuffer(bytes(data), DTYPES[tensor.type]).reshape(shape)
        return values

    @property
    def outputs(self) -> tuple[int, ...]:
        """Return places of the model's results, in their order."""
        return tuple(int(index) for index in self.subgraph.outputs)

    def is_constant(self, index: int) -> bool:
        """Whether a tensor's values are in the file, of whatever type."""
        data = self.model.buffers[self.subgraph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def activations(self, packed: Any) -> tuple[str, ...]:
        """Return names of all inputs of an operation."""
        return tuple(self.names[index] for index in packed.inputs if index >= 0)

    def shape(self, index: int) -> tuple[int, ...]:
        """Return sides of a tensor; none of a scalar."""
        shape = self.subgraph.tensors[index].shape
        return () if shape is None else tuple(int(side) for side in shape)


def fused_activation(code: int, output: str) -> Fused:
    """Return what an operation does to its results.

    Args:
        code: The schema's ActivationFunctionType.
        output: The result's name, for the error.

    Raises:
        NoInt8FormError: It has no int8 form here.
    """
    if code not in FUSED:
        raise NoInt8FormError(
            output,
            f"fused activation {code} of the TFLite schema",
            "int8 has ReLU and ReLU(6) in its place",
        )
    return FUSED[code]
