"""Keras 2's ways of writing a model down, rewritten so that Keras 3 builds the same one.

Only the configuration is rewritten; nothing in Keras is patched. What has no layer in
Keras 3 that computes the same is refused by name. The forms, by who wrote them:

    Keras to 2.2.2              a Sequential's configuration is a list of its layers
    Keras to 2.3, TF to 2.1     a Sequential's first layer has its input's shape, no InputLayer
    TF 2.0, 2.1                 initializers with a dtype
    TF 2.4 on                   TFOpLambda for calls of TensorFlow (TensorFlowOpLayer before)
    TF 2.12 on, tf_keras        "module" and "registered_name" at nested objects; .keras files
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from strop.export.source.keras2_calls import TENSORFLOW_CALLS, replace_call, tensors
from strop.export.source.keras_config import Config
from strop.export.source.tensorflow_call import TensorFlowCall
from strop.export.source.vet_config import MODELS

KERAS_MODULES = ("keras", "tf_keras", "tensorflow")
HALF_POLICIES = ("float16", "mixed_float16", "bfloat16", "mixed_bfloat16")
# What Keras 3 does not know or calls differently, all without meaning in inference.
DROPPED = {
    "InputLayer": ("sparse", "ragged", "optional"),
    "Separable": ("kernel_regularizer", "kernel_constraint"),
    "SpatialDropout": ("trainable", "noise_shape"),
    "Random": ("rng_type",),
}
RENAMED = {"SyncBatchNormalization": "BatchNormalization", "ThresholdedReLU": "ReLU"}
# Change an image's size in training, and nothing in inference.
TRAINING_ONLY = frozenset({"RandomHeight", "RandomWidth"})


def rewrite(config: Config, *, where: str) -> Config:
    """Rewrite a Keras 2 model's configuration for Keras 3.

    Args:
        config: The model's configuration, parsed from JSON.
        where: Named in the error, usually the file's path.

    Returns:
        The model's configuration in the one form that Keras 3 reads as Keras 2 meant it.

    Raises:
        SourceError: A call of TensorFlow that no layer of Keras stands for.
    """
    rewritten: Config = _rewritten(config, where)
    return rewritten


def custom_objects() -> dict[str, Callable[..., Any]]:
    """List what names meant in Keras 2 where Keras 3 gives them another meaning."""
    return {"hard_sigmoid": hard_sigmoid, TensorFlowCall.__name__: TensorFlowCall}


def hard_sigmoid(x: Any) -> Any:
    """Keras 2's hard sigmoid, min(max(0.2 x + 0.5, 0), 1); Keras 3's is relu6(x + 3) / 6.

    Written with relu6, which converters take as it is.
    """
    return keras.ops.relu6(x * 1.2 + 3.0) * (1.0 / 6.0)


def _rewritten(value: Any, where: str) -> Any:
    """Rewrite inner objects first, then the one that holds them."""
    if isinstance(value, list):
        return [_rewritten(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    # Initializers do not matter to a trained model, and every era wrote them differently.
    made = {
        key: "float32" if key == "dtype" and _is_half(inner) else _rewritten(inner, where)
        for key, inner in value.items()
        if not key.endswith("_initializer")
    }
    if not isinstance(made.get("class_name"), str):
        return made
    if str(made.get("module") or "keras").split(".")[0] in KERAS_MODULES:
        for key in ("module", "registered_name", "build_config", "shared_object_id"):
            made.pop(key, None)  # they send Keras 3 past its reader for old files
        if made["class_name"] == "function":
            return made["config"]
    _rewrite_object(made, where)
    return made


def _is_half(dtype: object) -> bool:
    """Whether a layer's dtype is a policy or half precision; strop computes in float32."""
    return isinstance(dtype, dict) or dtype in HALF_POLICIES


def _rewrite_object(made: Config, where: str) -> None:
    class_name = made["class_name"]
    if class_name == "Sequential" and isinstance(made.get("config"), list):
        made["config"] = {"name": "sequential", "layers": made["config"]}
    config = made.get("config")
    if not isinstance(config, dict):
        return
    if class_name in TENSORFLOW_CALLS:
        replace_call(made, where=where)
    elif class_name in MODELS and isinstance(config.get("layers"), list):
        _rewrite_model(config)
    else:
        _rewrite_arguments(class_name, config)
        made["class_name"] = RENAMED.get(class_name, class_name)
    if class_name in TRAINING_ONLY:
        made["class_name"] = "Activation"
        made["config"] = {"name": config.get("name"), "activation": "linear"}


def _rewrite_arguments(class_name: str, config: Config) -> None:
    if config.get("groups") == 1 and class_name not in ("Conv1D", "Conv2D", "Conv3D"):
        del config["groups"]
    for start, names in DROPPED.items():
        for name in names if class_name.startswith(start) else ():
            config.pop(name, None)
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if class_name == "ThresholdedReLU":
        config["threshold"] = config.pop("theta")
    if isinstance(config.get("layer"), dict):  # what a wrapper wraps, Keras 3 reads anew
        config["layer"].setdefault("module", "keras.layers")


def _rewrite_model(config: Config) -> None:
    if "input_layers" in config:
        _rewire(config)
        # A list of one tensor makes a model that takes or returns a list, in Keras 3 only.
        for side in ("input_layers", "output_layers"):
            if len(config[side]) == 1:
                config[side] = config[side][0]
    else:
        config["layers"] = _with_input(config["layers"])


def _with_input(layers: list[Any]) -> list[Any]:
    """A Sequential's layers, the shape of its input in an InputLayer of its own."""
    shape = None
    for number, layer in enumerate(layers):
        if layer["class_name"] != "InputLayer" and isinstance(layer.get("config"), dict):
            found = layer["config"].pop("batch_input_shape", None)
            shape = found if number == 0 else shape
    if shape is None:
        return layers
    name = f"{layers[0]['config'].get('name', 'layer')}_input"
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": shape, "name": name}}
    return [first, *layers]


def _rewire(config: Config) -> None:
    """Name and number a functional model's layers as Keras 3 does.

    Keras 3 refuses a slash in a name. It counts the calls of a nested model from 0, where
    Keras 2 counted the model's construction as call 0; as the outer model's output, Keras 3
    sets that right itself, for all nested models but a Sequential.
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
    inner = list(tensors([entry.get("inbound_nodes", []) for entry in config["layers"]]))
    outer = list(tensors([config["input_layers"], config["output_layers"]]))
    counted = {name for name, call, *_ in inner + outer if name in calls and call >= calls[name]}
    for tensor in inner:
        tensor[1] -= tensor[0] in counted
    for tensor in outer:
        tensor[1] -= tensor[0] in counted & sequential
    for tensor in inner + outer:
        tensor[0] = names.get(tensor[0], tensor[0])
    for entry in config["layers"]:
        entry["name"] = entry["config"]["name"] = names[entry["name"]]
