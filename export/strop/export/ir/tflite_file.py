"""A .tflite being written: tensors, constants and operations, one after another.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.tflite_bytes import SCHEMA_VERSION, packed
from strop.export.ir.tflite_edit import operator_code, operator_with
from strop.export.ir.tflite_names import operator_name

GROUPED = 6  # the version of CONV_2D that has groups
LEFT_OUT = -1  # an operation's optional input
DTYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
}


class TfliteFile:
    """What has been written so far.

    Attributes:
        buffers: The contents of constants; the first one is empty.
        tensors: schema.TensorT each, by place.
        operators: schema.OperatorT each, in the order they run.
        codes: Place of each operation, by TFLite's name and version, in the file's list.
    """

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]  # buffer 0 is empty by the format's definition
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: dict[tuple[str, int], int] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """TFLite's names of the operations, in order."""
        names = [name for name, _ in self.codes]
        return tuple(names[operator.opcodeIndex] for operator in self.operators)

    def tensor(self, name: str, shape: Sequence[int]) -> int:
        """Add a float32 activation, and return its place."""
        return self._added(name, tuple(shape), np.dtype(np.float32), 0)

    def constant(self, name: str, values: Array) -> int:
        """Add a constant, float32 or int32, and return its place."""
        dtype = np.dtype(np.float32 if values.dtype.kind == "f" else np.int32)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values, dtype).tobytes(), np.uint8)
        self.buffers.append(buffer)
        return self._added(name, values.shape, dtype, len(self.buffers) - 1)

    def operation(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
    ) -> None:
        """Add an operation.

        Args:
            kind: TFLite's name of it.
            inputs: Places of tensors.
            outputs: Places of tensors.
            options: An object of the schema, as Conv2DOptionsT; None for one without.
            version: Of the operation.
        """
        code = self.codes.setdefault((kind, version), len(self.codes))
        self.operators.append(operator_with(code, inputs, outputs, options))

    def island(self, model: bytes, inputs: Sequence[int], prefix: str = "") -> list[int]:
        """Add all of another .tflite of one subgraph, and return the places of its outputs.

        Args:
            model: The flatbuffer.
            inputs: Places of the tensors that are its inputs here.
            prefix: In front of its tensors' names.
        """
        other = schema.ModelT.InitFromPackedBuf(model, 0)
        (subgraph,) = other.subgraphs
        places = dict(zip((int(index) for index in subgraph.inputs), inputs, strict=True))
        places[LEFT_OUT] = LEFT_OUT
        first = len(self.buffers) - 1  # both begin with the empty one
        self.buffers += other.buffers[1:]
        for at, tensor in enumerate(subgraph.tensors):
            if at not in places:
                tensor.buffer += first if tensor.buffer else 0
                tensor.name = prefix.encode() + tensor.name
                places[at] = len(self.tensors)
                self.tensors.append(tensor)
        for operator in subgraph.operators:
            key = (
                operator_name(other, operator),
                other.operatorCodes[operator.opcodeIndex].version,
            )
            operator.opcodeIndex = self.codes.setdefault(key, len(self.codes))
            operator.inputs = [places[int(index)] for index in operator.inputs]
            operator.outputs = [places[int(index)] for index in operator.outputs]
            self.operators.append(operator)
        return [places[int(index)] for index in subgraph.outputs]

    def packed(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Return the flatbuffer of all that was added."""
        return packed(self.model(inputs, outputs, "strop float model"))

    def model(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> Any:
        """Return a schema.ModelT of all that was added."""
        subgraph = schema.SubGraphT()
        subgraph.name = b"main"
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, description.encode()
        model.operatorCodes = [operator_code(kind, version) for kind, version in self.codes]
        model.subgraphs, model.buffers = [subgraph], self.buffers
        return model

    def _added(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.hasRank = name.encode(), list(shape), True
        tensor.type, tensor.buffer = DTYPES[dtype], buffer
        self.tensors.append(tensor)
        return len(self.tensors) - 1
