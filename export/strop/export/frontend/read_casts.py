"""Reads the casts of a model whose input is not float32: they leave whole pixels unchanged."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.graph import Kind, Op
from strop.export.ir.tflite_names import operator_name

REALS = frozenset(
    {schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.BFLOAT16}
)
HALVES = REALS - {schema.TensorType.FLOAT32}
# They give pixels as they are, so that 0..255 stay whole numbers.
MOVES = frozenset(
    {
        "CAST",
        "CONCATENATION",
        "EXPAND_DIMS",
        "PACK",
        "PAD",
        "RESHAPE",
        "REVERSE_V2",
        "SLICE",
        "SPLIT",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TRANSPOSE",
    }
)
# --mean and --std are applied in front of a cast to half precision, which then rounds.
NORMALIZING = frozenset({"ADD", "DIV", "MUL", "SUB"})


def read_cast(reader: Reader, packed: Any, output: str) -> Op:
    """Read CAST that keeps its values, as a RESHAPE to the same shape.

    Raises:
        NoInt8FormError: It rounds.
    """
    tensors = reader.subgraph.tensors
    before, after = (tensors[index[0]].type for index in (packed.inputs, packed.outputs))
    is_widened = after == schema.TensorType.FLOAT32
    moves = MOVES | NORMALIZING if after in HALVES else MOVES
    if not is_widened and not _is_of_pixels(reader, packed.inputs[0], moves):
        raise NoInt8FormError(
            output,
            f"a CAST from {_name(before)} to {_name(after)} of other than the image's pixels",
            "int8 has those that do not round",
        )
    return Op(kind=Kind.RESHAPE, inputs=(reader.names[packed.inputs[0]],), output=output)


def _is_of_pixels(reader: Reader, index: int, moves: frozenset[str]) -> bool:
    """Whether a tensor is computed from the model's input by these operations only."""
    if index in reader.subgraph.inputs or reader.constant(index) is not None:
        return True
    for packed in reader.subgraph.operators:
        if index in packed.outputs:
            is_move = operator_name(reader.model, packed) in moves
            return is_move and all(_is_of_pixels(reader, one, moves) for one in packed.inputs)
    return True


def _name(code: int) -> str:
    names = (name.lower() for name, value in vars(schema.TensorType).items() if value == code)
    return next(names, str(code))
