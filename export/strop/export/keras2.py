"""Keras 2's way of writing a model down, rewritten so that Keras 3 builds the same one.

Only the configuration is rewritten; nothing in Keras is patched. What has no layer in
Keras 3 that computes the same is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from strop.export.keras_config import Config
from strop.export.vet_config import MODELS
from strop.runtime.errors import SourceError

TENSORFLOW_CALLS = frozenset(
    {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"}
)
CONSTANT = "_CONSTANT_VALUE"  # stands where a node's first input is not a tensor
SEPARABLE_ONLY = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")

Operand = Any
"""A tensor ([layer, node, index]), a number, or a list of numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """What stands in for a call of TensorFlow: a layer and the tensors it takes."""

    class_name: str
    config: Config
    inputs: list[Operand]


def rewrite(config: Config, *, where: str) -> Config:
    """Rewrite a Keras 2 model's configuration for Keras 3, in place.

    Calls of TensorFlow in a functional model (TFOpLambda: what `x + 3` or
    `preprocess_input(x)` became) turn into layers. Division by a constant turns into
    multiplication by its inverse, which differs by one rounding of float32.

    Args:
        config: The model's configuration, parsed from JSON.
        where: Named in the error, usually the file's path.

    Returns:
        The same object.

    Raises:
        SourceError: A call of TensorFlow that no layer of Keras stands for.
    """
    inner = config.get("config")
    if isinstance(inner, dict):
        _rewrite_arguments(str(config.get("class_name")), inner)
    entries = inner.get("layers", ()) if isinstance(inner, dict) else inner
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if not isinstance(entry, dict):
            continue
        if entry.get("class_name") in TENSORFLOW_CALLS:
            _replace_call(entry, where=where)
        if str(entry.get("module")).startswith("keras."):
            # In a nested Sequential only; it sends Keras 3 past its reader for old files.
            for key in ("module", "registered_name", "build_config"):
                entry.pop(key, None)
        rewrite(entry, where=where)
    if isinstance(inner, dict) and "input_layers" in inner:
        _rewire(inner)
    return config


def custom_objects() -> dict[str, Callable[..., Any]]:
    """What a name meant in Keras 2 where Keras 3 gives it another meaning."""
    return {"hard_sigmoid": hard_sigmoid}


def hard_sigmoid(x: Any) -> Any:
    """Keras 2's hard sigmoid, min(max(0.2 x + 0.5, 0), 1); Keras 3's is relu6(x + 3) / 6.

    Written with relu6, which converters take as it is.
    """
    return keras.ops.relu6(x * 1.2 + 3.0) * (1.0 / 6.0)


def _rewrite_arguments(class_name: str, config: Config) -> None:
    if config.get("groups") == 1 and class_name not in ("Conv1D", "Conv2D", "Conv3D"):
        del config["groups"]
    if class_name.startswith("Separable"):
        for name in SEPARABLE_ONLY:
            config.pop(name, None)
    if class_name.startswith("Random"):
        config.pop("rng_type", None)
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    dtype = config.get("dtype")
    if isinstance(dtype, dict) or dtype in ("float16", "mixed_float16", "mixed_bfloat16"):
        config["dtype"] = "float32"  # strop computes the float model in float32


def _rewire(config: Config) -> None:
    """Name and number a functional model's layers as Keras 3 does.

    Keras 3 refuses a slash in a name. And it counts the calls of a nested model from 0,
    where Keras 2 counted the model's construction as call 0; as the outer model's output,
    Keras 3 sets that right itself, for all nested models but a Sequential.
    """
    names: dict[str, str] = {}
    for entry in config["layers"]:
        new = entry["name"].replace("/", "_")
        while new in names.values():
            new += "_"
        names[entry["name"]] = new
    calls = {
        entry["name"]: len(entry.get("inbound_nodes", ()))
        for entry in config["layers"]
        if entry["class_name"] in MODELS
    }
    sequential = {e["name"] for e in config["layers"] if e["class_name"] == "Sequential"}
    inner = list(_tensors([entry.get("inbound_nodes", []) for entry in config["layers"]]))
    outer = list(_tensors([config["input_layers"], config["output_layers"]]))
    counted = {name for name, call, *_ in inner + outer if name in calls and call >= calls[name]}
    for tensor in inner:
        tensor[1] -= tensor[0] in counted
    for tensor in outer:
        tensor[1] -= tensor[0] in counted & sequential
    for tensor in inner + outer:
        tensor[0] = names.get(tensor[0], tensor[0])
    for entry in config["layers"]:
        entry["name"] = entry["config"]["name"] = names[entry["name"]]


def _tensors(item: object) -> Iterator[list[Any]]:
    """Every [layer, node, index, ...] within lists and dictionaries."""
    if isinstance(item, dict):
        yield from _tensors(list(item.values()))
    elif isinstance(item, list):
        if _is_tensor(item):
            yield item
        for part in item:
            yield from _tensors(part)


def _is_tensor(item: object) -> bool:
    return (
        isinstance(item, list)
        and len(item) >= 3
        and isinstance(item[0], str)
        and item[0] != CONSTANT
        and isinstance(item[1], int)
    )


def _replace_call(entry: Config, *, where: str) -> None:
    function = str(entry["config"].get("function", entry["class_name"]))
    layers = [_replacement(function, node) for node in entry["inbound_nodes"]]
    found = layers[0] if layers else None
    if found is None or any(other is None or other.config != found.config for other in layers):
        raise SourceError(
            f"{where}: layer {entry['name']!r} calls tf.{function} (a {entry['class_name']} of"
            " Keras 2), and no layer of Keras computes that from these arguments; replace it"
            " by a layer, or export a SavedModel and give that"
        )
    entry["class_name"] = found.class_name
    entry["config"] = {"name": entry["name"], "trainable": True, "dtype": "float32"} | found.config
    entry["inbound_nodes"] = [
        [[*tensor[:3], {}] for tensor in layer.inputs] for layer in layers if layer is not None
    ]


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
