"""A .tflite of a single operation, whose types and scales a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

SHAPE = (1, 4, 4, 8)
DTYPES = {name: np.dtype(name) for name in ("int8", "uint8", "int32", "float32")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """An input or the result; scale 0 is none, and a constant without values is all zeros."""

    dtype: str = "int8"
    scale: float = 0.1
    shape: tuple[int, ...] = SHAPE
    zero_point: int = 0
    values: tuple[int, ...] = ()

    def content(self) -> NDArray[np.uint8]:
        """The bytes of a constant."""
        dtype = DTYPES[self.dtype]
        array = np.array(self.values, dtype) if self.values else np.zeros(self.shape, dtype)
        return np.frombuffer(array.tobytes(), np.uint8)


def write_one_op(
    folder: Path,
    kind: str,
    inputs: Sequence[Side],
    result: Side,
    *,
    options: Any = None,
    version: int = 1,
    custom: str = "",
) -> Path:
    """One input, constants for all the others, one result."""
    model, subgraph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    for constant in inputs[1:]:
        buffer = schema.BufferT()
        buffer.data = constant.content()
        model.buffers.append(buffer)
    buffers = (0, *range(1, len(inputs)), 0)
    subgraph.tensors = [
        _tensor(f"side{place}", side, buffer)
        for place, (side, buffer) in enumerate(zip((*inputs, result), buffers, strict=True))
    ]
    operator, code = schema.OperatorT(), schema.OperatorCodeT()
    operator.inputs, operator.outputs = list(range(len(inputs))), [len(inputs)]
    if options is not None:
        operator.builtinOptions = options
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.customCode = custom.encode() or None
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    subgraph.operators, subgraph.inputs, subgraph.outputs = [operator], [0], [len(inputs)]
    model.operatorCodes, model.subgraphs = [code], [subgraph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / f"{kind.lower()}.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(name: str, side: Side, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), list(side.shape), buffer
    tensor.type = getattr(schema.TensorType, side.dtype.upper())
    tensor.hasRank = True
    if side.scale and side.dtype in ("int8", "uint8"):
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [side.scale]
        tensor.quantization.zeroPoint = [side.zero_point]
    return tensor
