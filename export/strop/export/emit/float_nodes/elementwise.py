"""Writes float operations that compute value by value, in whichever order their operands are."""

from __future__ import annotations

import math
from collections.abc import Callable

from strop.export.emit.float_nodes.nodes import RELU1, RELU6, FloatNodes, FloatOp, UnwritableError

CUBIC = 0.044715  # https://onnx.ai/onnx/operators/onnx__Gelu.html
Operands = list[str]
Write = Callable[[FloatNodes, FloatOp], None]
Compute = Callable[[FloatNodes, FloatOp, Operands], str]


def by_value(compute: Compute) -> Write:
    """Write what broadcasts its operands."""

    def write(nodes: FloatNodes, op: FloatOp) -> None:
        nchw = nodes.in_nchw(op.inputs)
        operands = [nodes.name(index, nchw=nchw) for index in op.inputs]
        nodes.put(op, compute(nodes, op, operands), nchw=nchw)

    return write


def _node(kind: str) -> Write:
    return by_value(lambda nodes, op, operands: nodes.node(kind, operands))


def _chain(*kinds: str) -> Write:
    """One node behind the other."""

    def compute(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
        del op
        for kind in kinds:
            operands = [nodes.node(kind, operands)]
        return operands[0]

    return by_value(compute)


def _limits(limits: tuple[float, float]) -> Write:
    return by_value(lambda nodes, op, operands: nodes.clip(operands[0], *limits))


def _square(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    del op
    return nodes.node("Mul", [operands[0], operands[0]])


def _squared_difference(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    return _square(nodes, op, [nodes.node("Sub", operands)])


def _floor_mod(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    """What is left of a division, with the divisor's sign."""
    del op
    image, divisor = operands
    whole = nodes.node("Floor", [nodes.node("Div", operands)])
    return nodes.node("Sub", [image, nodes.node("Mul", [whole, divisor])])


def _leaky(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    return nodes.node("LeakyRelu", operands, alpha=float(op.options.alpha))


def _gelu(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    """Compute x / 2 * (1 + erf(x / sqrt 2)), or with tanh in its place.

    x / 2 comes first and alone reads x: ONNX Runtime dequantizes once for each reader.
    """
    half = nodes.node("Mul", [operands[0], nodes.number(0.5)])
    if op.options.approximate:
        # tanh(sqrt(2 / pi) * (x + c * x^3)) of x = 2 * half.
        square = nodes.node("Mul", [half, half])
        bent = nodes.node("Mul", [square, nodes.number(4 * CUBIC)])
        inner = nodes.node("Mul", [half, nodes.node("Add", [bent, nodes.number(1)])])
        gate = nodes.node(
            "Tanh", [nodes.node("Mul", [inner, nodes.number(math.sqrt(8 / math.pi))])]
        )
    else:
        gate = nodes.node("Erf", [nodes.node("Mul", [half, nodes.number(math.sqrt(2))])])
    return nodes.node("Mul", [half, nodes.node("Add", [gate, nodes.number(1)])])


def _cast(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    return nodes.node("Cast", operands, to=nodes.dtype(op.outputs[0])[1])


def _select(nodes: FloatNodes, op: FloatOp, operands: Operands) -> str:
    condition, shape = op.inputs[0], nodes.shape(op.outputs[0])
    if op.kind == "SELECT" and nodes.rank(condition) < len(shape):
        raise UnwritableError("SELECT of whole rows")
    return nodes.node("Where", operands)


SAME_NODES = {
    "ABS": "Abs",
    "NEG": "Neg",
    "EXP": "Exp",
    "LOG": "Log",
    "SQRT": "Sqrt",
    "SIN": "Sin",
    "COS": "Cos",
    "TANH": "Tanh",
    "LOGISTIC": "Sigmoid",
    "FLOOR": "Floor",
    "CEIL": "Ceil",
    "ROUND": "Round",
    "SIGN": "Sign",
    "RELU": "Relu",
    "ELU": "Elu",
    "HARD_SWISH": "HardSwish",
    "LOGICAL_NOT": "Not",
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
    "POW": "Pow",
    "ADD_N": "Sum",
    "PRELU": "PRelu",
    "EQUAL": "Equal",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "LOGICAL_AND": "And",
    "LOGICAL_OR": "Or",
}
ELEMENTWISE: dict[str, Write] = {
    **{kind: _node(name) for kind, name in SAME_NODES.items()},
    "RSQRT": _chain("Sqrt", "Reciprocal"),
    "NOT_EQUAL": _chain("Equal", "Not"),
    "FLOOR_DIV": _chain("Div", "Floor"),
    "RELU6": _limits(RELU6),
    "RELU_0_TO_1": _limits((0.0, 1.0)),
    "RELU_N1_TO_1": _limits(RELU1),
    "SQUARE": by_value(_square),
    "SQUARED_DIFFERENCE": by_value(_squared_difference),
    "FLOOR_MOD": by_value(_floor_mod),
    "LEAKY_RELU": by_value(_leaky),
    "GELU": by_value(_gelu),
    "CAST": by_value(_cast),
    **dict.fromkeys(("SELECT", "SELECT_V2"), by_value(_select)),
}
