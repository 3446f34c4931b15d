"""Refuse a saved Keras model by its configuration, before Keras makes anything of it.

Keras' `safe_mode` guards .keras files only, and its old .h5 loader honours it in part.
A configuration is JSON: what it asks for can be read without running it.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras

from strop.export.source.keras_config import Config
from strop.runtime.errors import SourceError

PYTHON_CODE = frozenset({"Lambda", "__lambda__"})
OTHER_CODE = frozenset({"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
HOMES = (
    keras.layers,
    keras.activations,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.dtype_policies,
    keras.quantizers,
    keras.random,
)
# Nodes of a functional model that stand for calls of keras.ops, and the layers of two families.
PRIVATE_HOMES = ("keras.src.ops.", "keras.src.applications.")
NOT_OF_A_FILE = frozenset({"deserialize", "get", "serialize"})
MODELS = frozenset({"Functional", "Model", "Sequential"})


def vet_config(config: object, *, where: str) -> None:
    """Check that a model is made of Keras' own classes only.

    Classes that the caller registered with `keras.saving.register_keras_serializable`
    pass: their code is the caller's, not the file's.

    Args:
        config: A model's configuration, parsed from JSON.
        where: Named in the error, usually the file's path.

    Raises:
        SourceError: A layer is Python code, loads another file, unpickles, or is of an unknown
            class.
    """
    for record in _objects(config):
        class_name = str(record["class_name"])
        name = _name_of(record)
        if class_name in PYTHON_CODE:
            raise SourceError(
                f"{where}: {name} is a Lambda layer or function. A Lambda layer is Python code;"
                " strop does not run code from a model file; replace it by layers of Keras"
                " (Rescaling, Normalization, Activation), or export a SavedModel with"
                " model.export('FOLDER') and give that"
            )
        if class_name in OTHER_CODE:
            raise SourceError(
                f"{where}: {name} is a {class_name}, which loads another file or unpickles code;"
                " export that model itself"
            )
        if not _is_known(record, class_name):
            raise SourceError(
                f"{where}: {name} is a {class_name} of somebody's own, not one of Keras;"
                " its code is not in the file. Export a SavedModel with model.export('FOLDER')"
                " and give that, or load the model in Python and use from_keras_model"
            )


def _objects(config: object) -> Iterator[Config]:
    """Every serialized object, outer before inner; what it was compiled with is not loaded."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                yield item
            pending.extend(value for key, value in item.items() if key != "compile_config")
        elif isinstance(item, list):
            pending.extend(item)


def _name_of(record: Config) -> str:
    inner = record.get("config")
    if isinstance(inner, str):  # a function's
        return repr(inner)
    name = inner.get("name") if isinstance(inner, dict) else None
    return repr(name or record.get("name") or record["class_name"])


def _is_known(record: Config, class_name: str) -> bool:
    if class_name.startswith("__"):  # Keras' notation for tensors, tuples, slices
        return True
    is_function = class_name == "function"
    name = str(record["config"]) if is_function else class_name
    if keras.saving.get_registered_object(record.get("registered_name") or name) is not None:
        return True
    # What Keras 2 and the .h5 format write has no module.
    module = str(record.get("module") or "keras")
    if module not in ("keras", "builtins") and not module.startswith("keras."):
        return False
    return module.startswith(PRIVATE_HOMES) or name in MODELS or _is_of_keras(name, is_function)


def _is_of_keras(name: str, is_function: bool) -> bool:
    found = [getattr(home, name) for home in HOMES if hasattr(home, name)]
    return name not in NOT_OF_A_FILE and any(isinstance(it, type) != is_function for it in found)
