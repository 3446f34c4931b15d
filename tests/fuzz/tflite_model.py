"""Damages a .tflite by its schema: shapes, types, quantization, operations and their tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tests.fuzz.damage import REALS, damaged, edge, hostile_text, one_of
from tests.fuzz.flatbuffer import damaged_flatbuffer

IDENTIFIER = b"TFL3"
INT32 = 2**31
LAST_OPERATOR = 209  # of the schema's BuiltinOperator, with some behind it
LAST_TYPE = 20  # of the schema's TensorType, likewise


def damaged_tflite(random: np.random.Generator, content: bytes) -> bytes:
    """The flatbuffer, damaged in one of three ways: its bytes, its structure, its meaning.

    Args:
        random: Where the choices come from.
        content: A flatbuffer with nothing appended to it.
    """
    kind = random.random()
    if kind < 0.15:
        return damaged(random, content, most=30)
    if kind < 0.45:
        return damaged_flatbuffer(random, content)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for _ in range(1 + int(random.integers(4) * random.random())):
        one_of(random, EDITS)(random, model)
    return packed(model) or damaged_flatbuffer(random, content)


def packed(model: Any) -> bytes:
    """The model's bytes; none where flatbuffers' own checks refuse a value."""
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), IDENTIFIER)
    except (TypeError, OverflowError, ValueError, AttributeError):
        return b""
    return bytes(builder.Output())


def _tensor(random: np.random.Generator, model: Any) -> Any:
    return one_of(random, one_of(random, model.subgraphs).tensors)


def _operator(random: np.random.Generator, model: Any) -> Any:
    return one_of(random, one_of(random, model.subgraphs).operators)


def _int32(random: np.random.Generator) -> int:
    return (edge(random) + INT32) % (2 * INT32) - INT32


def _change_shape(random: np.random.Generator, model: Any) -> None:
    tensor = _tensor(random, model)
    shape = [int(side) for side in tensor.shape] if tensor.shape is not None else []
    choice = int(random.integers(4))
    if choice == 0 or not shape:
        shape = [_int32(random) for _ in range(int(random.integers(9)))]
    elif choice == 1:
        shape[int(random.integers(len(shape)))] = _int32(random)
    elif choice == 2:
        shape[int(random.integers(len(shape)))] *= one_of(random, (0, 2, 1000, 10**6))
        shape = [side % INT32 for side in shape]
    else:
        shape = one_of(random, (shape[1:], [*shape, 1], shape[::-1]))
    if random.random() < 0.3:
        tensor.shapeSignature = np.array([*shape[:1], *(-1 for _ in shape[1:])], np.int32)
    tensor.shape = np.array(shape, np.int32)


def _change_type(random: np.random.Generator, model: Any) -> None:
    _tensor(random, model).type = int(random.integers(LAST_TYPE))


def _change_buffer(random: np.random.Generator, model: Any) -> None:
    tensor = _tensor(random, model)
    tensor.buffer = one_of(random, (int(random.integers(len(model.buffers))), edge(random) % 2**32))


def _change_data(random: np.random.Generator, model: Any) -> None:
    buffer = one_of(random, model.buffers)
    data = bytes(buffer.data) if buffer.data is not None else b"\x01\x02\x03\x04"
    buffer.data = np.frombuffer(damaged(random, data, most=4), np.uint8)
    if random.random() < 0.2:
        buffer.offset, buffer.size = edge(random) % 2**64, edge(random) % 2**64


def _change_quantization(random: np.random.Generator, model: Any) -> None:
    """Scales and zero points; of all tensors now and then, so that the kernels still agree."""
    chosen = one_of(random, model.subgraphs).tensors
    if random.random() < 0.7:
        chosen = [one_of(random, chosen)]
    for tensor in chosen:
        quantization = tensor.quantization
        if quantization is None or quantization.scale is None:
            continue
        scales = np.array(quantization.scale, np.float32)
        scales[int(random.integers(len(scales)))] = np.float32(
            np.clip(one_of(random, REALS), -3.4e38, 3.4e38)
        )
        choice = int(random.integers(5))
        if choice < 3:
            quantization.scale = scales
        elif choice == 3:
            quantization.zeroPoint = np.array([edge(random) % 2**62], np.int64)
        else:
            quantization.quantizedDimension = _int32(random)
            quantization.scale = np.repeat(scales, int(random.integers(1, 5)))


def _change_operation(random: np.random.Generator, model: Any) -> None:
    code = one_of(random, model.operatorCodes)
    code.builtinCode = int(random.integers(-1, LAST_OPERATOR))
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = one_of(random, (1, 1, 2, 3, 5, 100, _int32(random)))
    if random.random() < 0.1:
        code.customCode = hostile_text(random)


def _change_links(random: np.random.Generator, model: Any) -> None:
    operator = _operator(random, model)
    graph = one_of(random, model.subgraphs)
    name = one_of(random, ("inputs", "outputs", "intermediates"))
    owner = one_of(random, (operator, operator, graph))
    held = getattr(owner, name, None)
    links = [] if held is None else [int(link) for link in held]
    choice = int(random.integers(4))
    if choice == 0 or not links:
        links.append(one_of(random, (-1, 0, _int32(random))))
    elif choice == 1:
        links.pop()
    else:
        within = int(random.integers(len(graph.tensors)))
        links[int(random.integers(len(links)))] = one_of(random, (within, within, _int32(random)))
    if hasattr(owner, name):
        setattr(owner, name, np.array(links, np.int32))


def _change_options(random: np.random.Generator, model: Any) -> None:
    """A stride, a padding, an axis: any number among an operation's options."""
    options = _operator(random, model).builtinOptions
    held = {} if options is None else vars(options)
    names = [name for name, value in held.items() if isinstance(value, int)]
    if names:
        setattr(options, one_of(random, names), one_of(random, (0, -1, 2, 100, _int32(random))))


def _change_order(random: np.random.Generator, model: Any) -> None:
    operators = one_of(random, model.subgraphs).operators
    one, other = (int(random.integers(len(operators))) for _ in range(2))
    operators[one], operators[other] = operators[other], operators[one]
    if random.random() < 0.3:
        operators.append(one_of(random, operators))
    _operator(random, model).opcodeIndex = int(random.integers(len(model.operatorCodes) + 1))


def _change_graphs(random: np.random.Generator, model: Any) -> None:
    """Another graph, an operation that calls one, or names that no terminal may trust."""
    choice = int(random.integers(4))
    if choice == 0:
        model.subgraphs.append(one_of(random, model.subgraphs))
    elif choice == 1:
        code = schema.OperatorCodeT()
        code.builtinCode = schema.BuiltinOperator.WHILE
        code.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
        model.operatorCodes.append(code)
        options = schema.WhileOptionsT()
        options.condSubgraphIndex = options.bodySubgraphIndex = int(random.integers(3))
        operator = _operator(random, model)
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
        operator.builtinOptions = options
    elif choice == 2:
        _tensor(random, model).name = hostile_text(random)
    else:
        model.version = _int32(random) % 2**32
        model.description = hostile_text(random)


EDITS: tuple[Callable[[np.random.Generator, Any], None], ...] = (
    *(_change_shape, _change_shape, _change_type, _change_buffer, _change_data),
    *(_change_quantization, _change_quantization, _change_operation, _change_links),
    *(_change_links, _change_options, _change_order, _change_graphs),
)
