"""Calls of TensorFlow in a Keras 2 model (TFOpLambda and its kin), as layers of Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from strop.export.source.keras_config import Config
from strop.export.source.tensorflow_call import REGISTERED, TENSOR, TensorFlowCall, computes
from strop.runtime.errors import SourceError

TENSORFLOW_CALLS = frozenset(
    {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"}
)
CONSTANT = "_CONSTANT_VALUE"  # stands where a node's first input is not a tensor

Operand = Any
"""A tensor ([layer, node, index]), a number, or a list of numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """What stands in for a call of TensorFlow: a layer and the tensors it takes."""

    class_name: str
    config: Config
    inputs: list[Operand]


def replace_call(entry: Config, *, where: str) -> None:
    """Make a layer of a functional model's entry that calls TensorFlow, in place.

    A layer of Keras where one computes the same, `TensorFlowCall` otherwise. Division by a
    constant turns into multiplication by its inverse, which differs by one rounding of
    float32.

    Raises:
        SourceError: The function is not among those that may be called.
    """
    function = str(entry["config"].get("function", entry["class_name"]))
    nodes = entry["inbound_nodes"]
    layers = _alike([_replacement(function, node) for node in nodes])
    if not layers and computes(function):
        layers = _alike([_call(function, node) for node in nodes])
    if not layers:
        raise SourceError(
            f"{where}: layer {entry['name']!r} calls tf.{function} (a {entry['class_name']} of"
            " Keras 2), which is not among the functions that strop calls; replace it by a layer,"
            " or export a SavedModel and give that"
        )
    found = layers[0]
    entry["class_name"] = found.class_name
    if found.class_name == TensorFlowCall.__name__:
        entry["registered_name"] = REGISTERED
    entry["config"] = {"name": entry["name"], "trainable": True, "dtype": "float32"} | found.config
    entry["inbound_nodes"] = [[[*tensor[:3], {}] for tensor in layer.inputs] for layer in layers]


def _alike(layers: list[_Layer | None]) -> list[_Layer]:
    """The layers, where there is one for each call and they are the same one."""
    found = [layer for layer in layers if layer is not None]
    is_one = bool(found) and all(layer.config == found[0].config for layer in found)
    return found if is_one and len(found) == len(layers) else []


def _call(function: str, node: list[Any]) -> _Layer | None:
    """The call itself, its tensors taken out of the arguments."""
    taken: list[Operand] = []

    def numbered(value: Any) -> Any:
        if isinstance(value, list) and value[:1] == [CONSTANT]:
            return value[2]
        if _is_tensor(value):
            taken.append(value)
            return {TENSOR: len(taken) - 1}
        if isinstance(value, list):
            return [numbered(item) for item in value]
        return {key: numbered(item) for key, item in value.items()} if _is_plain(value) else value

    is_list = isinstance(node[0], list)
    arguments = node[0][3] if is_list else node[3]
    config = {
        "function": function,
        "first": numbered([item[:3] for item in node] if is_list else node[:3]),
        "options": {key: numbered(item) for key, item in arguments.items() if key != "name"},
    }
    if not taken:
        return None
    return _Layer(class_name=TensorFlowCall.__name__, config=config, inputs=taken)


def _is_plain(value: object) -> bool:
    return isinstance(value, dict) and "class_name" not in value


def tensors(item: object) -> Iterator[list[Any]]:
    """Every [layer, node, index, ...] within lists and dictionaries."""
    if isinstance(item, dict):
        yield from tensors(list(item.values()))
    elif isinstance(item, list):
        if _is_tensor(item):
            yield item
        for part in item:
            yield from tensors(part)


def _is_tensor(item: object) -> bool:
    return (
        isinstance(item, list)
        and len(item) >= 3
        and isinstance(item[0], str)
        and item[0] != CONSTANT
        and isinstance(item[1], int)
    )


def _replacement(function: str, node: list[Any]) -> _Layer | None:
    """The layer for one call; None where there is none."""
    kind = function.rsplit(".", 1)[-1]
    if node and isinstance(node[0], list):  # a list of tensors as the first argument
        is_concat = kind == "concat" and all(_is_tensor(tensor) for tensor in node)
        axis = node[0][3].get("axis", -1)
        config = {"axis": axis}
        return _Layer(class_name="Concatenate", config=config, inputs=node) if is_concat else None
    first = node[2] if node[0] == CONSTANT else node[:3]
    arguments = {key: value for key, value in node[3].items() if value is not None}
    arguments.pop("name", None)
    if kind in _BINARY and arguments.keys() == {"y"}:
        return _BINARY[kind](first, arguments["y"])
    make = _UNARY.get(kind)
    return None if make is None or not _is_tensor(first) else make(first, arguments)


def _rescaling(x: Operand, scale: Any, offset: Any = 0.0) -> _Layer:
    config = {"scale": np.asarray(scale).tolist(), "offset": np.asarray(offset).tolist()}
    return _Layer(class_name="Rescaling", config=config, inputs=[x])


def _constant(operand: Operand) -> Any:
    """The operand as float64, or None where it is no number or list of numbers."""
    if _is_tensor(operand) or isinstance(operand, (str, dict)):
        return None
    return np.asarray(operand, np.float64)


def _merge(
    class_name: str, of_constant: Callable[[Operand, Any, bool], _Layer | None]
) -> Callable[[Operand, Operand], _Layer | None]:
    """Two tensors make a merging layer, a tensor and a constant what `of_constant` says."""

    def make(left: Operand, right: Operand) -> _Layer | None:
        if _is_tensor(left) and _is_tensor(right):
            layer = _Layer(class_name=class_name, config={}, inputs=[left, right])
            return layer if class_name else None
        is_swapped = _is_tensor(right)
        tensor, constant = (right, _constant(left)) if is_swapped else (left, _constant(right))
        if constant is None or not _is_tensor(tensor):
            return None
        return of_constant(tensor, constant, is_swapped)

    return make


def _difference(x: Operand, constant: Any, is_swapped: bool) -> _Layer:
    return _rescaling(x, -1.0, constant) if is_swapped else _rescaling(x, 1.0, -constant)


def _quotient(x: Operand, constant: Any, is_swapped: bool) -> _Layer | None:
    return None if is_swapped or not np.all(constant) else _rescaling(x, 1.0 / constant)


def _activation(name: str) -> Callable[[Operand, Config], _Layer | None]:
    def make(x: Operand, arguments: Config) -> _Layer | None:
        is_plain = all(
            (key, value) in (("axis", -1), ("beta", 1.0)) for key, value in arguments.items()
        )
        layer = _Layer(class_name="Activation", config={"activation": name}, inputs=[x])
        return layer if is_plain else None

    return make


def _reshape(x: Operand, arguments: Config) -> _Layer | None:
    shape = arguments.get("shape")
    if not isinstance(shape, list) or shape[:1] != [-1]:
        return None
    return _Layer(class_name="Reshape", config={"target_shape": shape[1:]}, inputs=[x])


def _mean(x: Operand, arguments: Config) -> _Layer | None:
    if arguments.pop("axis", None) != [1, 2] or arguments.keys() - {"keepdims"}:
        return None
    config = {"keepdims": bool(arguments.get("keepdims", False))}
    return _Layer(class_name="GlobalAveragePooling2D", config=config, inputs=[x])


def _cast(x: Operand, arguments: Config) -> _Layer | None:
    return _activation("linear")(x, {}) if arguments == {"dtype": "float32"} else None


_SUM = _merge("Add", lambda x, constant, _: _rescaling(x, 1.0, constant))
_PRODUCT = _merge("Multiply", lambda x, constant, _: _rescaling(x, constant))
_BINARY: dict[str, Callable[[Operand, Operand], _Layer | None]] = {
    "add": _SUM,
    "multiply": _PRODUCT,
    "subtract": _merge("Subtract", _difference),
    "truediv": _merge("", _quotient),
    "divide": _merge("", _quotient),
}
_UNARY: dict[str, Callable[[Operand, Config], _Layer | None]] = {
    **{name: _activation(name) for name in ("relu", "relu6", "sigmoid", "tanh", "softmax")},
    "silu": _activation("silu"),
    "swish": _activation("silu"),
    "reshape": _reshape,
    "reduce_mean": _mean,
    "cast": _cast,
}
