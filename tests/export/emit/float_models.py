"""A float .tflite of a few operations, whose shapes and types a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import Array
from strop.export.ir.island import Island
from strop.export.ir.tflite_bytes import packed

TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.bool_): schema.TensorType.BOOL,
}
IMAGE, ROWS = (1, 4, 6, 8), (1, 5, 6)
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
Result = tuple[tuple[int, ...], type]


class Model:
    """A .tflite being made of a few operations, without the checks of a converter."""

    def __init__(self) -> None:
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[Any] = []
        self._random = np.random.default_rng(1)  # not what `translated` draws
        self.inputs: list[int] = []

    def image(self, shape: Sequence[int] = IMAGE) -> int:
        """Add an input."""
        self.inputs.append(self._tensor(shape, np.float32))
        return self.inputs[-1]

    def drawn(self, *shape: int) -> int:
        """Add normal numbers."""
        return self.constant(self._random.normal(0, 1, shape).astype(np.float32))

    def constant(self, values: Any, dtype: type = np.float32) -> int:
        """Add a constant."""
        array: Array = np.asarray(values, dtype)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self._buffers.append(buffer)
        return self._tensor(array.shape, dtype, len(self._buffers) - 1)

    def integers(self, *values: int) -> int:
        """Add a row of int32."""
        return self.constant(values, np.int32)

    def add(self, kind: str, inputs: Sequence[int], shape: Sequence[int], **options: Any) -> int:
        """Add an operation with one float result."""
        return self.add_all(kind, inputs, [(tuple(shape), np.float32)], **options)[0]

    def add_all(
        self, kind: str, inputs: Sequence[int], results: Sequence[Result], **options: Any
    ) -> list[int]:
        """Add an operation; its options are those of the schema's class `of`."""
        operator, code = schema.OperatorT(), schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 2 if kind == "BROADCAST_TO" else 1  # it has no first
        operator.opcodeIndex, operator.inputs = len(self._codes), list(inputs)
        operator.outputs = [self._tensor(shape, dtype) for shape, dtype in results]
        if options:
            name = options.pop("of") + "Options"
            operator.builtinOptions = getattr(schema, f"{name}T")()
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            for key, value in options.items():
                assert hasattr(operator.builtinOptions, key)
                setattr(operator.builtinOptions, key, value)
        self._codes.append(code)
        self._operators.append(operator)
        return list(operator.outputs)

    def island(self, *outputs: int) -> Island:
        """Return what was added."""
        subgraph, model = schema.SubGraphT(), schema.ModelT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = self.inputs, list(outputs)
        model.version, model.operatorCodes = 3, self._codes
        model.subgraphs, model.buffers = [subgraph], self._buffers
        return Island(model=packed(model), kinds=("ALL",), causes=())

    def _tensor(self, shape: Sequence[int], dtype: type, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{len(self._tensors)}".encode(), list(shape)
        tensor.type, tensor.buffer, tensor.hasRank = TYPES[np.dtype(dtype)], buffer, True
        self._tensors.append(tensor)
        return len(self._tensors) - 1
