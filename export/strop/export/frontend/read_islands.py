"""Reads the operations of a .tflite that stay in float, as islands of the deploy graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.find_islands import Flow, Operator
from strop.export.frontend.no_int8_form import NoInt8FormError
from strop.export.frontend.tflite_tensors import Reader
from strop.export.ir.cut_island import cut_out
from strop.export.ir.graph import Kind, Op
from strop.export.ir.island import FloatCause, Island
from strop.export.ir.tflite_names import operator_name
from strop.runtime.errors import QuantizationError

# They are not one operation: other graphs, or values that live from one image to the next.
NOT_ALONE = frozenset(
    {
        "CALL",
        "CALL_ONCE",
        "IF",
        "WHILE",
        "STABLEHLO_COMPOSITE",
        "VAR_HANDLE",
        "READ_VARIABLE",
        "ASSIGN_VARIABLE",
        "HASHTABLE",
        "HASHTABLE_FIND",
        "HASHTABLE_IMPORT",
        "HASHTABLE_SIZE",
        "RANDOM_UNIFORM",
        "RANDOM_STANDARD_NORMAL",
        "MULTINOMIAL",
    }
)
CUSTOM = "CUSTOM"


def refuse_what_cannot_stay(reader: Reader) -> None:
    """Raise QuantizationError for an operation that neither int8 nor a float island can have."""
    for packed in reader.subgraph.operators:
        kind = operator_name(reader.model, packed)
        if kind == CUSTOM:
            code = reader.model.operatorCodes[packed.opcodeIndex].customCode
            kind = f"{CUSTOM} {(code or b'').decode('utf-8', 'replace')}"
        elif kind not in NOT_ALONE:
            continue
        raise QuantizationError(
            f"{reader.names[packed.outputs[0]] if len(packed.outputs) else 'the model'}: the model"
            f" uses {kind}, which strop can write neither in int8 nor in float between int8"
            " layers; replace the layer, or export with --precision float32"
        )


def flow_of(reader: Reader) -> Flow:
    """Describe how values pass between the operations of the model."""
    return Flow(
        operators=tuple(
            Operator(
                kind=operator_name(reader.model, packed),
                reads=frozenset(_activations(reader, packed)),
                writes=frozenset(int(index) for index in packed.outputs),
            )
            for packed in reader.subgraph.operators
        ),
        uncoded=frozenset(
            index for index in range(len(reader.names)) if not _has_codes(reader, index)
        ),
        outputs=frozenset(reader.outputs),
    )


def _activations(reader: Reader, packed: Any) -> list[int]:
    return [int(index) for index in packed.inputs if index >= 0 and not reader.is_constant(index)]


def _has_codes(reader: Reader, index: int) -> bool:
    """Whether a tensor is float32, and has one row per image."""
    tensor, shape = reader.subgraph.tensors[index], reader.shape(index)
    return tensor.type == schema.TensorType.FLOAT32 and len(shape) > 1 and shape[0] == 1


def read_island(
    reader: Reader, places: Sequence[int], causes: Mapping[int, NoInt8FormError]
) -> list[Op]:
    """Return one FLOAT operation for every result of an island that is read outside of it.

    Args:
        reader: The model.
        places: Of the island's operations.
        causes: Why operations have no int8 form, by their places.

    Raises:
        QuantizationError: What goes in or comes out is not float32, or has not one row per image.
    """
    operators = reader.subgraph.operators
    inside = [operators[place] for place in places]
    outside = [op for place, op in enumerate(operators) if place not in places]
    made = {int(index) for packed in inside for index in packed.outputs}
    read = {index for packed in outside for index in _activations(reader, packed)}
    read.update(reader.outputs)
    inputs = sorted({i for packed in inside for i in _activations(reader, packed)} - made)
    outputs = sorted(made & read)
    kinds = tuple(operator_name(reader.model, packed) for packed in inside)
    for index in (*inputs, *outputs):
        if not _has_codes(reader, index):
            raise QuantizationError(
                f"{reader.names[index]}: {', '.join(dict.fromkeys(kinds))} pass on a tensor that"
                " is not float32 with one row an image; replace the layer, or export with"
                " --precision float32"
            )
    island = Island(
        model=cut_out(reader.model, inside, reader.names, inputs, outputs),
        kinds=kinds,
        causes=tuple(
            FloatCause(
                layer=causes[place].layer,
                kind=operator_name(reader.model, operators[place]),
                found=causes[place].found,
                needs=causes[place].needs,
            )
            for place in places
            if place in causes
        ),
    )
    names = tuple(reader.names[index] for index in inputs)
    return [
        Op(kind=Kind.FLOAT, inputs=names, output=reader.names[index], island=island, result=at)
        for at, index in enumerate(outputs)
    ]
