"""Describes tensors and operators of a .tflite that a stranger may have written.

Source: tensorflow/lite/schema/schema.fbs, version 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.tflite_names import OPERATOR_NAMES, operator_code

TYPE_NAMES: dict[int, str] = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}
CODES = frozenset({"int4", "int8", "uint8", "int16"})


def is_constant(model: Any, index: int) -> bool:
    """Whether the file has a tensor's values."""
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    return data is not None and len(data) > 0


def sides_of(tensor: Any) -> list[int | None]:
    """Of the input; a file without a signature of its shape leaves nothing open."""
    shape = indices_of(tensor.shape)
    signature = indices_of(tensor.shapeSignature)
    sides = signature if len(signature) == len(shape) else shape
    return [side if side > 0 else None for side in sides]


def kind_of(model: Any, operator: Any) -> str:
    """TFLite's name of an operator, or what a custom one is called."""
    code = operator_code(model, operator)
    if code == schema.BuiltinOperator.CUSTOM:
        return text_of(model.operatorCodes[operator.opcodeIndex].customCode) or "CUSTOM"
    name: str = OPERATOR_NAMES.get(code, f"operator {code}")
    return name


def is_quantized(tensor: Any) -> bool:
    """Whether a tensor has codes, by its type and scale."""
    scales = None if tensor.quantization is None else tensor.quantization.scale
    return type_of(tensor) in CODES and scales is not None and len(scales) > 0


def described(tensor: Any) -> str:
    """Name, type and sides, for a person."""
    sides = ", ".join("?" if side is None else str(side) for side in sides_of(tensor))
    return f"{name_of(tensor)} {type_of(tensor)} ({sides})"


def type_of(tensor: Any) -> str:
    """The schema's name of a tensor's type, as "float32"."""
    return TYPE_NAMES.get(tensor.type, f"type {tensor.type}")


def name_of(tensor: Any) -> str:
    """A tensor's name."""
    return text_of(tensor.name)


def text_of(value: bytes | str | None) -> str:
    """A string of a flatbuffer; what is no UTF-8 is replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def indices_of(values: Sequence[int] | None) -> list[int]:
    """A vector of a flatbuffer as Python's integers; none where it is left out."""
    return [] if values is None else [int(value) for value in values]
