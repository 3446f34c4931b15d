"""Holds the ONNX nodes that are written of a float .tflite, and what its tensors are called there.

A tensor of four dimensions may be there in TFLite's own order, channels last, in ONNX', channels
second, or in both; it is transposed where a node reads it in the order that is not there yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from strop.export.emit.onnx_conventions import TO_NCHW, TO_NHWC
from strop.export.ir.graph import Array
from strop.export.ir.tflite_names import operator_name

RANK = 4  # of what has two orders
DTYPES: dict[int, tuple[type, int]] = {
    schema.TensorType.FLOAT32: (np.float32, TensorProto.FLOAT),
    schema.TensorType.INT32: (np.int32, TensorProto.INT32),
    schema.TensorType.INT64: (np.int64, TensorProto.INT64),
    schema.TensorType.BOOL: (np.bool_, TensorProto.BOOL),
}
RELU6, RELU1 = (0.0, 6.0), (-1.0, 1.0)


class UnwritableError(Exception):
    """What of an operation ONNX cannot say, or strop does not write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatOp:
    """One operation of a .tflite.

    Attributes:
        kind: TFLite's name of it.
        inputs: Indices of tensors; negative for one that is left out.
        outputs: Indices of tensors.
        options: The schema's object; None for a kind that has none.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


class FloatNodes:
    """ONNX nodes being written of the only subgraph of a .tflite.

    Attributes:
        ops: The operations, in the order they run.
        inputs: Indices of the activations that come from outside.
        outputs: Indices of the results.
        nodes: What has been written.
        constants: What the nodes read of the file.
    """

    def __init__(self, model: bytes) -> None:
        self._model = schema.ModelT.InitFromPackedBuf(model, 0)
        (self._subgraph,) = self._model.subgraphs
        self.ops = [
            FloatOp(
                kind=operator_name(self._model, packed),
                inputs=tuple(map(int, packed.inputs)),
                outputs=tuple(map(int, packed.outputs)),
                options=packed.builtinOptions,
            )
            for packed in self._subgraph.operators
        ]
        self.inputs = tuple(map(int, self._subgraph.inputs))
        self.outputs = tuple(map(int, self._subgraph.outputs))
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._computed = {*self.inputs, *(index for op in self.ops for index in op.outputs)}
        self._names: dict[tuple[int, bool], str] = {}
        for index in self.inputs:
            self._names[index, self.rank(index) == RANK] = f"input{index}"

    def shape(self, index: int) -> tuple[int, ...]:
        """Return a tensor's sides in TFLite's order."""
        shape = self._subgraph.tensors[index].shape
        return () if shape is None else tuple(map(int, shape))

    def rank(self, index: int) -> int:
        """Return how many dimensions a tensor has."""
        return len(self.shape(index))

    def dtype(self, index: int) -> tuple[type, int]:
        """Return a tensor's type in NumPy and in ONNX.

        Raises:
            UnwritableError: It is another than numbers, integers and booleans.
        """
        code = self._subgraph.tensors[index].type
        if code not in DTYPES:
            raise UnwritableError(f"values of type {code} of TFLite's schema")
        return DTYPES[code]

    def values(self, index: int) -> Array | None:
        """Return a constant's values; None for what is computed."""
        if index in self._computed:
            return None
        data = self._model.buffers[self._subgraph.tensors[index].buffer].data
        content = b"" if data is None else bytes(data)
        values: Array = np.frombuffer(content, self.dtype(index)[0])
        return values.reshape(self.shape(index))

    def fixed(self, index: int) -> Array:
        """Return a constant's values.

        Raises:
            UnwritableError: They are computed.
        """
        values = self.values(index)
        if values is None:
            raise UnwritableError("a size or a place that the model computes")
        return values

    def in_nchw(self, indices: Sequence[int]) -> bool:
        """Whether all that is computed of these tensors is there with its channels second."""
        computed = [index for index in indices if index in self._computed]
        return bool(computed) and all((index, True) in self._names for index in computed)

    def name(self, index: int, *, nchw: bool = False) -> str:
        """Name a tensor in TFLite's order or, with `nchw`, of four dimensions in ONNX'."""
        key = (index, nchw)
        if key in self._names:
            return self._names[key]
        values = self.values(index)
        if values is not None:
            self._names[key] = self.constant(_in_nchw(values) if nchw else values)
            return self._names[key]
        other = self._names[index, not nchw]
        if 1 in (self.shape(index)[3], np.prod(self.shape(index)[1:3])):
            sides = np.array(self.shape(index), np.int64)
            shape = self.constant(sides[list(TO_NCHW)] if nchw else sides)
            self._names[key] = self.node("Reshape", [other, shape])
        else:
            perm = TO_NCHW if nchw else TO_NHWC
            self._names[key] = self.node("Transpose", [other], perm=perm)
        return self._names[key]

    def constant(self, values: Array) -> str:
        """Add a constant, and return its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def number(self, value: float) -> str:
        """Add a float32 constant of no dimension."""
        return self.constant(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        """Add a row of int64."""
        return self.constant(np.array(values, np.int64))

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one result, and return that."""
        return self.node_of_many(kind, inputs, 1, **attributes)[0]

    def node_of_many(
        self, kind: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> list[str]:
        """Add a node with `count` results, and return those."""
        name = f"{kind}{len(self.nodes)}"
        results = [f"{name}:{place}" for place in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, results, name, **attributes))
        return results

    def clip(self, name: str, low: float, high: float) -> str:
        """Add limits."""
        return self.node("Clip", [name, self.number(low), self.number(high)])

    def put(self, op: FloatOp, name: str, *, nchw: bool = False, place: int = 0) -> None:
        """Say what a result is, behind the activation that is fused into its operation."""
        code = getattr(op.options, "fusedActivationFunction", 0)
        self._names[op.outputs[place], nchw] = self._activated(name, code)

    def _activated(self, name: str, code: int) -> str:
        fused = schema.ActivationFunctionType
        if code == fused.NONE:
            return name
        if code in (fused.RELU, fused.TANH):
            return self.node("Relu" if code == fused.RELU else "Tanh", [name])
        if code not in (fused.RELU6, fused.RELU_N1_TO_1):
            raise UnwritableError(f"a fused activation {code} of TFLite's schema")
        return self.clip(name, *(RELU6 if code == fused.RELU6 else RELU1))


def _in_nchw(values: Array) -> Array:
    """Transpose a constant; one of fewer dimensions broadcasts as it did before."""
    if values.size == 1 and values.ndim < RANK:
        return values
    return values.reshape((1,) * (RANK - values.ndim) + values.shape).transpose(TO_NCHW)
