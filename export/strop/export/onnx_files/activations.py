"""Reads activations of an .onnx that TFLite has no operation for, as several that it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.onnx_files.elementwise import combined, unary, with_number
from strop.export.onnx_files.reading import Node, Read, Reading
from strop.export.onnx_files.values import Value

# https://onnx.ai/onnx/operators/onnx__Selu.html
SELU_ALPHA, SELU_GAMMA = 1.6732632423543772848, 1.0507009873554804934


def _bent(reading: Reading, node: Node, value: Value, scale: float, factor: float) -> Value:
    """Write x above 0, and factor * (exp(x / scale) - 1) below it; TFLite's Elu has 1 for both."""
    if scale == factor == 1:
        return unary(reading, node, value, "ELU")
    below = with_number(reading, node, value, "MINIMUM", 0.0)
    if scale != 1:
        below = with_number(reading, node, below, "MUL", 1 / scale)
    below = with_number(reading, node, unary(reading, node, below, "ELU"), "MUL", factor)
    return combined(reading, node, "ADD", unary(reading, node, value, "RELU"), below)


def read_elu(reading: Reading, node: Node) -> None:
    """Read Elu."""
    alpha = node.attributes.get("alpha", 1.0)
    reading.put(node, _bent(reading, node, reading.raw(node), 1.0, alpha))


def read_celu(reading: Reading, node: Node) -> None:
    """Read Celu, whose slope at 0 is 1 for any alpha."""
    alpha = node.attributes.get("alpha", 1.0)
    reading.put(node, _bent(reading, node, reading.raw(node), alpha, alpha))


def read_selu(reading: Reading, node: Node) -> None:
    """Read Selu."""
    alpha = node.attributes.get("alpha", SELU_ALPHA)
    found = _bent(reading, node, reading.raw(node), 1.0, alpha)
    gamma = node.attributes.get("gamma", SELU_GAMMA)
    reading.put(node, with_number(reading, node, found, "MUL", gamma))


def _softplus(reading: Reading, node: Node, value: Value) -> Value:
    """Write log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which does not overflow."""
    size = unary(reading, node, value, "ABS", schema.AbsOptionsT())
    power = unary(reading, node, with_number(reading, node, size, "MUL", -1.0), "EXP")
    rest = unary(reading, node, with_number(reading, node, power, "ADD", 1.0), "LOG")
    return combined(reading, node, "ADD", unary(reading, node, value, "RELU"), rest)


def read_softplus(reading: Reading, node: Node) -> None:
    """Read Softplus."""
    found = _softplus(reading, node, reading.raw(node))
    reading.put(node, replace(found, is_positive=True))


def read_mish(reading: Reading, node: Node) -> None:
    """Read Mish: x * tanh(softplus(x))."""
    value = reading.value(node)
    gate = unary(reading, node, _softplus(reading, node, value), "TANH")
    reading.put(node, combined(reading, node, "MUL", value, gate))


def read_softsign(reading: Reading, node: Node) -> None:
    """Read Softsign: x / (1 + |x|)."""
    value = reading.value(node)
    size = unary(reading, node, value, "ABS", schema.AbsOptionsT())
    divisor = with_number(reading, node, size, "ADD", 1.0)
    reading.put(node, combined(reading, node, "DIV", value, divisor))


def read_swish(reading: Reading, node: Node) -> None:
    """Read Swish: x * sigmoid(alpha * x)."""
    value = reading.value(node)
    alpha = node.attributes.get("alpha", 1.0)
    inner = value if alpha == 1 else with_number(reading, node, value, "MUL", alpha)
    gate = unary(reading, node, inner, "LOGISTIC")
    reading.put(node, replace(combined(reading, node, "MUL", value, gate), is_positive=False))


def read_reciprocal(reading: Reading, node: Node) -> None:
    """Read Reciprocal."""
    value = reading.value(node)
    reading.put(node, combined(reading, node, "DIV", np.ones(1, np.float32), value))


ACTIVATIONS: dict[str, Read] = {
    "Elu": read_elu,
    "Celu": read_celu,
    "Selu": read_selu,
    "Softplus": read_softplus,
    "Mish": read_mish,
    "Softsign": read_softsign,
    "Swish": read_swish,
    "Reciprocal": read_reciprocal,
}
