"""Reads the operations of an .onnx without the onnx package.

Source: onnx/onnx.proto, messages ModelProto, GraphProto, NodeProto, AttributeProto,
TensorProto, ValueInfoProto; protobuf's wire format, https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from strop.runtime.errors import ArtifactError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
MAX_VARINT_BITS = 63
FLOAT = 1  # TensorProto.DataType

GRAPH = 7  # in ModelProto
NODE, INITIALIZER, INPUT = 1, 5, 11  # in GraphProto
NODE_INPUT, NODE_OUTPUT, NODE_NAME, OP_TYPE, ATTRIBUTE = 1, 2, 3, 4, 5  # in NodeProto
TENSOR_SIDES, TENSOR_NAME = 1, 8  # in TensorProto
ATTRIBUTE_NAME, ATTRIBUTE_INT = 1, 3  # in AttributeProto
VALUE_NAME, VALUE_TYPE, TENSOR_TYPE, ELEMENT_TYPE = 1, 2, 1, 1  # down from ValueInfoProto


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxNode:
    """One operation.

    Attributes:
        name: Its own; may be empty.
        kind: op_type.
        inputs: Names of what it reads.
        outputs: Names of what it makes.
        casts_to: The type that a Cast makes; None for others.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    casts_to: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxGraph:
    """The main graph.

    Attributes:
        nodes: In the file's order, which is one of execution.
        float_inputs: Names of its float inputs.
        constants: Sides of its constant tensors, by name.
    """

    nodes: tuple[OnnxNode, ...]
    float_inputs: tuple[str, ...]
    constants: Mapping[str, tuple[int, ...]]


def read_onnx_graph(path: Path) -> OnnxGraph:
    """Read the nodes; weights are skipped.

    Raises:
        ArtifactError: The file is damaged, or has no graph.
    """
    try:
        graph = _only(memoryview(path.read_bytes()), GRAPH)
        if graph is None:
            raise ValueError("no graph")
        parts = list(fields(graph))
        return OnnxGraph(
            nodes=tuple(_node(view) for number, view, _ in parts if number == NODE),
            float_inputs=tuple(
                _text(_only(view, VALUE_NAME))
                for number, view, _ in parts
                if number == INPUT and _element_type(view) == FLOAT
            ),
            constants=MappingProxyType(
                {
                    _text(_only(view, TENSOR_NAME)): _sides(view)
                    for number, view, _ in parts
                    if number == INITIALIZER
                }
            ),
        )
    except (ValueError, OSError) as err:
        raise ArtifactError(f"{path}: its graph cannot be read ({err}); export it again") from err


def computes_in_float(graph: OnnxGraph) -> tuple[bool, ...]:
    """Find for each node whether it reads floats: a float input, a dequantizer or a cast.

    Quantizers, dequantizers and casts to float themselves do not count.
    """
    reals = set(graph.float_inputs)
    found = []
    for node in graph.nodes:
        makes_floats = node.kind == "DequantizeLinear" or node.casts_to == FLOAT
        is_float = (
            not makes_floats and node.kind != "QuantizeLinear" and not reals.isdisjoint(node.inputs)
        )
        if makes_floats or is_float:
            reals.update(node.outputs)
        found.append(is_float)
    return tuple(found)


def _node(content: memoryview) -> OnnxNode:
    inputs, outputs, name, kind, casts_to = [], [], "", "", None
    for number, view, _ in fields(content):
        if number == NODE_INPUT:
            inputs.append(_text(view))
        elif number == NODE_OUTPUT:
            outputs.append(_text(view))
        elif number == NODE_NAME:
            name = _text(view)
        elif number == OP_TYPE:
            kind = _text(view)
        elif number == ATTRIBUTE and _text(_only(view, ATTRIBUTE_NAME)) == "to":
            casts_to = _number(view, ATTRIBUTE_INT)
    return OnnxNode(
        name=name,
        kind=kind,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        casts_to=casts_to if kind == "Cast" else None,
    )


def _sides(tensor: memoryview) -> tuple[int, ...]:
    """Written one by one, or packed together."""
    sides: list[int] = []
    for number, view, value in fields(tensor):
        if number != TENSOR_SIDES:
            continue
        if not view:
            sides.append(value)
        at = 0
        while at < len(view):
            side, at = _varint(view, at)
            sides.append(side)
    return tuple(sides)


def _element_type(value_info: memoryview) -> int | None:
    kind = _only(value_info, VALUE_TYPE)
    tensor = None if kind is None else _only(kind, TENSOR_TYPE)
    return None if tensor is None else _number(tensor, ELEMENT_TYPE)


def _only(content: memoryview, wanted: int) -> memoryview | None:
    """Read the last message or text with this number, as protobuf does for a single field."""
    found = None
    for number, view, _ in fields(content):
        if number == wanted:
            found = view
    return found


def _number(content: memoryview, wanted: int) -> int | None:
    found = None
    for number, _, value in fields(content):
        if number == wanted:
            found = value
    return found


def _text(content: memoryview | None) -> str:
    return "" if content is None else bytes(content).decode("utf-8", "replace")


def fields(content: memoryview) -> Iterator[tuple[int, memoryview, int]]:
    """Give number, bytes (of messages and texts) and value (of varints) of every field."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire_type = key >> 3, key & 7
        value, size = 0, FIXED_BYTES.get(wire_type, 0)
        if wire_type == VARINT:
            value, at = _varint(content, at)
        elif wire_type == BYTES:
            size, at = _varint(content, at)
        elif wire_type not in FIXED_BYTES:
            raise ValueError(f"wire type {wire_type}")
        if at + size > len(content):
            raise ValueError("it ends inside a field")
        yield number, content[at : at + size], value
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Read the number at a place, and the place behind it."""
    value = shift = 0
    while True:
        if at >= len(content) or shift > MAX_VARINT_BITS:
            raise ValueError("it ends inside a number")
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
