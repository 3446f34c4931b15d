"""Reads what an .onnx computes value by value: sums, products, activations, limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import RELU6_LIMIT, Array
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import NHWC, Order, Value, in_order

OPTIONS: dict[str, Callable[[], Any]] = {
    "ADD": schema.AddOptionsT,
    "SUB": schema.SubOptionsT,
    "MUL": schema.MulOptionsT,
    "DIV": schema.DivOptionsT,
    "MAXIMUM": schema.MaximumMinimumOptionsT,
    "MINIMUM": schema.MaximumMinimumOptionsT,
    "POW": schema.PowOptionsT,
}


def read_binary(kind: str) -> Read:
    """Read an operation on two tensors of which one is an activation, as TFLite's `kind`."""

    def read(reading: Reading, node: Node) -> None:
        if node.outputs[0] in reading.done:
            return
        if len(node.inputs) == 1:
            reading.put(node, reading.value(node))
            return
        first = _operand(reading, node, 0)
        for place in range(1, len(node.inputs)):
            first = combined(reading, node, kind, first, _operand(reading, node, place))
        if isinstance(first, Value):
            reading.put(node, first)

    return read


def _operand(reading: Reading, node: Node, place: int) -> Value | Array:
    found = reading.constant(node, place)
    return reading.value(node, place) if found is None else found


def combined(
    reading: Reading, node: Node, kind: str, first: Value | Array, second: Value | Array
) -> Value:
    """Write an operation on two operands, broadcast, at least one of them an activation."""
    shape = np.broadcast_shapes(first.shape, second.shape)
    wide = [_widened(reading, node, each, len(shape)) for each in (first, second)]
    values = [each for each in wide if isinstance(each, Value)]
    order = max(values, key=lambda value: np.prod(value.shape)).order
    tensors = [
        reading.moved(node, each, order)
        if isinstance(each, Value)
        else reading.number(node, _arranged(each, order))
        for each in wide
    ]
    options = OPTIONS[kind]()
    result = reading.add(node, kind, tensors, in_order(shape, order), options)
    return Value(shape=tuple(shape), order=order, tensor=result)


def _widened(reading: Reading, node: Node, operand: Value | Array, rank: int) -> Value | Array:
    """An operand with ones in front, as many dimensions as the result has."""
    shape = (*(1,) * (rank - len(operand.shape)), *operand.shape)
    if isinstance(operand, Value):
        same = operand.shape == shape
        return operand if same else reading.reshaped(node, operand, shape)
    return operand.reshape(shape)


def _arranged(values: Array, order: Order) -> Array:
    """A constant as it is stored, without ones in front."""
    stored = values.transpose(order)
    while stored.ndim and stored.shape[0] == 1:
        stored = stored[0]
    return stored


def unary(reading: Reading, node: Node, value: Value, kind: str, options: Any = None) -> Value:
    """Write an operation on every value by itself."""
    tensor = reading.add(node, kind, [value.tensor], value.stored, options)
    return replace(value, tensor=tensor, is_positive=kind in ("RELU", "RELU6", "LOGISTIC"))


def with_number(
    reading: Reading, node: Node, value: Value, kind: str, number: float | Sequence[float] | Array
) -> Value:
    """Write an operation on every value and a number, or one for each in the last dimension."""
    inputs = [value.tensor, reading.number(node, np.asarray(number, np.float32))]
    tensor = reading.add(node, kind, inputs, value.stored, OPTIONS[kind]())
    return replace(value, tensor=tensor, is_positive=False)


def read_unary(kind: str, options: Callable[[], Any] | None = None) -> Read:
    """Read an operation on every value by itself, as TFLite's `kind`."""

    def read(reading: Reading, node: Node) -> None:
        made = None if options is None else options()
        reading.put(node, unary(reading, node, reading.raw(node), kind, made))

    return read


def read_clip(reading: Reading, node: Node) -> None:
    """Read Clip, whose limits are attributes up to opset 10, and inputs from 11 on."""
    low, high = (
        float(reading.fixed(node, place, "its limits are").item())
        if node.has_input(place)
        else node.attributes.get(name, limit)
        for place, name, limit in ((1, "min", -inf), (2, "max", inf))
    )
    # What PyTorch writes for no limit.
    largest = float(np.finfo(np.float32).max)
    low, high = (-inf if low <= -largest else low), (inf if high >= largest else high)
    value = reading.raw(node)
    if low == 0 and high == RELU6_LIMIT:
        reading.put(node, unary(reading, node, value, "RELU6"))
        return
    if low == 0:
        value = unary(reading, node, value, "RELU")
    elif low > -inf:
        value = with_number(reading, node, value, "MAXIMUM", low)
    if high < inf:
        value = with_number(reading, node, value, "MINIMUM", high)
    reading.put(node, replace(value, is_positive=low >= 0))


def read_hard_sigmoid(reading: Reading, node: Node) -> None:
    """Read HardSigmoid: max(0, min(1, alpha * x + beta)), as a ReLU6 in other units."""
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    value = reading.raw(node)
    if not np.isclose(alpha * RELU6_LIMIT, 1):
        value = with_number(reading, node, value, "MUL", alpha * RELU6_LIMIT)
    value = with_number(reading, node, value, "ADD", beta * RELU6_LIMIT)
    value = unary(reading, node, value, "RELU6")
    value = with_number(reading, node, value, "MUL", 1 / RELU6_LIMIT)
    reading.put(node, replace(value, is_positive=True))


def read_leaky_relu(reading: Reading, node: Node) -> None:
    """Read LeakyRelu."""
    options = schema.LeakyReluOptionsT()
    options.alpha = float(node.attributes.get("alpha", 0.01))
    reading.put(node, unary(reading, node, reading.raw(node), "LEAKY_RELU", options))


def read_prelu(reading: Reading, node: Node) -> None:
    """Read PRelu with constant slopes."""
    value = reading.value(node)
    if len(value.shape) == len(NHWC):
        value = reading.in_order_of(node, value, NHWC)
    slopes = reading.fixed(node, 1, "its slopes are")
    wide = slopes.reshape(*(1,) * (len(value.shape) - slopes.ndim), *slopes.shape)
    stored = np.broadcast_to(
        _arranged(wide, value.order),
        value.stored[-1:] if slopes.size in (1, value.stored[-1]) else value.stored[1:],
    )
    inputs = [value.tensor, reading.number(node, stored)]
    tensor = reading.add(node, "PRELU", inputs, value.stored)
    reading.put(node, replace(value, tensor=tensor, is_positive=False))


def read_softmax(kind: str, options: Callable[[], Any]) -> Read:
    """Read Softmax or LogSoftmax along one dimension, as TFLite's `kind`."""

    def read(reading: Reading, node: Node) -> None:
        value = reading.value(node)
        rank = len(value.shape)
        is_of_rest = reading.opset < 13  # then it is over all dimensions from its axis on
        axis = node.attributes.get("axis", 1 if is_of_rest else -1) % rank
        if is_of_rest and any(side != 1 for side in value.shape[axis + 1 :]):
            raise reading.refusal(
                node, f"of {value.shape} from {axis} on", "export it with opset 13 or later"
            )
        last = (*(each for each in value.order if each != axis), axis)
        value = reading.in_order_of(node, value, last)
        made = options()
        if kind == "SOFTMAX":
            made.beta = 1.0
        reading.put(node, unary(reading, node, value, kind, made))

    return read


def read_power(reading: Reading, node: Node) -> None:
    """Read Pow with one constant exponent."""
    exponent = reading.fixed(node, 1, "its exponent is")
    if exponent.size != 1:
        raise reading.refusal(node, f"{exponent.size} exponents", "strop reads those with one")
    value = reading.raw(node)
    if exponent.item() == 2:
        reading.put(node, unary(reading, node, value, "SQUARE", schema.SquareOptionsT()))
    elif exponent.item() == 0.5:
        reading.put(node, unary(reading, node, value, "SQRT"))
    else:
        reading.put(node, with_number(reading, node, value, "POW", exponent.item()))


def read_gelu(reading: Reading, node: Node) -> None:
    """Read Gelu."""
    options = schema.GeluOptionsT()
    options.approximate = node.attributes.get("approximate", "none") == "tanh"
    reading.put(node, unary(reading, node, reading.raw(node), "GELU", options))


def read_same(reading: Reading, node: Node) -> None:
    """Read Identity."""
    reading.put(node, reading.raw(node))


def read_dropout(reading: Reading, node: Node) -> None:
    """Read Dropout, which changes nothing in inference."""
    training = reading.constant(node, 2)
    if node.has_input(2) and (training is None or training.any()):
        raise reading.refusal(
            node, "it drops values at random", "export the model in eval mode: model.eval()"
        )
    reading.put(node, reading.raw(node))


def read_cast(reading: Reading, node: Node) -> None:
    """Read Cast from float32 to float32."""
    if node.attributes["to"] != 1:  # TensorProto.FLOAT
        raise reading.refusal(
            node, f"a cast to data type {node.attributes['to']}", "needed is float32 all along"
        )
    reading.put(node, reading.raw(node))


ELEMENTWISE: dict[str, Read] = {
    "Add": read_binary("ADD"),
    "Sum": read_binary("ADD"),
    "Sub": read_binary("SUB"),
    "Mul": read_binary("MUL"),
    "Div": read_binary("DIV"),
    "Max": read_binary("MAXIMUM"),
    "Min": read_binary("MINIMUM"),
    "Pow": read_power,
    "Relu": read_unary("RELU"),
    "Sigmoid": read_unary("LOGISTIC"),
    "Tanh": read_unary("TANH"),
    "HardSwish": read_unary("HARD_SWISH", schema.HardSwishOptionsT),
    "Neg": read_unary("NEG", schema.NegOptionsT),
    "Abs": read_unary("ABS", schema.AbsOptionsT),
    "Exp": read_unary("EXP", schema.ExpOptionsT),
    "Sqrt": read_unary("SQRT"),
    **{kind: read_unary(kind.upper()) for kind in ("Log", "Sin", "Cos", "Floor", "Ceil", "Round")},
    "Clip": read_clip,
    "HardSigmoid": read_hard_sigmoid,
    "LeakyRelu": read_leaky_relu,
    "PRelu": read_prelu,
    "Softmax": read_softmax("SOFTMAX", schema.SoftmaxOptionsT),
    "LogSoftmax": read_softmax("LOG_SOFTMAX", schema.LogSoftmaxOptionsT),
    "Gelu": read_gelu,
    "Identity": read_same,
    "Dropout": read_dropout,
    "Cast": read_cast,
}
