"""Open a .keras or .h5 file as a Keras model, without running code from it."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import keras

from strop.export.keras2 import custom_objects, rewrite
from strop.export.vet_config import Config, vet_config
from strop.runtime.errors import SourceError

# EfficientNet-B7's is 0.6 MB; a model of a thousand times that is no model.
MAX_CONFIG_BYTES = 64 * 2**20
MAX_REASON_CHARACTERS = 300
HALF_PRECISION = ("float16", "bfloat16")
# What Keras, h5py and zipfile raise over a file that is not what it should be; Keras has
# no error class of its own.
LOAD_ERRORS = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def open_keras(path: Path) -> Any:
    """Load a model for inference in float32.

    A model that was trained in mixed precision is set to compute in float32.

    Args:
        path: A .keras file of Keras 3, or an .h5 file of Keras 2 or 3.

    Returns:
        A keras.Model, not compiled.

    Raises:
        SourceError: Not such a file, no architecture in it, a Lambda layer or an unknown
            class in it, or Keras cannot load it.
    """
    try:
        model = _open_zip(path) if path.suffix == ".keras" else _open_h5(path)
    except LOAD_ERRORS as err:
        raise SourceError(
            f"{path}: Keras {keras.__version__} cannot load this model ({reason(err)}); save it"
            " again with the Keras that wrote it, or export a SavedModel and give that"
        ) from err
    _compute_in_float32(model)
    return model


def reason(err: BaseException) -> str:
    """The first lines of another library's error, short enough for one message."""
    text = " ".join(str(err).split())
    if len(text) > MAX_REASON_CHARACTERS:
        text = text[:MAX_REASON_CHARACTERS] + " ..."
    return text or type(err).__name__


def _open_zip(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        raise SourceError(
            f"{path}: not a .keras file: it is no zip archive, or its end is missing; copy it"
            " again, or save the model with model.save('NAME.keras')"
        )
    with zipfile.ZipFile(path) as archive:
        config = _json_member(archive, "config.json", path)
        written_by = _json_member(archive, "metadata.json", path).get("keras_version", "")
    if str(written_by).startswith("2."):
        raise SourceError(
            f"{path}: a .keras file of Keras {written_by}, which Keras 3 does not read; save it"
            " there as .h5, with model.save('NAME.h5'), and give that"
        )
    vet_config(config, where=str(path))
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _json_member(archive: zipfile.ZipFile, name: str, path: Path) -> Config:
    try:
        with archive.open(name) as member:
            data = member.read(MAX_CONFIG_BYTES + 1)
    except KeyError as err:
        raise SourceError(
            f"{path}: a zip archive without {name}, so not a .keras file; save the model with"
            " model.save('NAME.keras')"
        ) from err
    return _parse(data, f"{path}: {name}")


def _parse(data: bytes | str, where: str) -> Config:
    if len(data) > MAX_CONFIG_BYTES:
        raise SourceError(f"{where} is over {MAX_CONFIG_BYTES} bytes; no model's is")
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{where} is not JSON ({reason(err)}); save the model again") from err
    if not isinstance(config, dict):
        raise SourceError(f"{where} is a {type(config).__name__}, not an object; save it again")
    return config


def _open_h5(path: Path) -> Any:
    if not h5py.is_hdf5(path):
        raise SourceError(
            f"{path}: not an HDF5 file; copy it again, or save the model with"
            " model.save('NAME.keras')"
        )
    with h5py.File(path, "r") as file:
        stored = file.attrs.get("model_config")
        written_by = str(file.attrs.get("keras_version", "2"))
    if stored is None:
        raise SourceError(
            f"{path}: weights only, no architecture in it; give the architecture by its zoo"
            f" name and these weights with --weights {path} (`strop zoo` lists the names)"
        )
    config = _parse(stored, f"{path}: model_config")
    is_keras3 = written_by.startswith("3.")
    if not is_keras3:
        rewrite(config, where=str(path))
    # Before any loading: Keras' reader of .h5 files may run what a Lambda layer holds.
    vet_config(config, where=str(path))
    if is_keras3:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    with keras.saving.CustomObjectScope(custom_objects()):
        model = kind.from_config(config["config"])
    model.load_weights(path)
    return model


def _compute_in_float32(layer: Any) -> None:
    if layer.compute_dtype in HALF_PRECISION:
        layer.dtype_policy = "float32"
    for inner in getattr(layer, "layers", ()):
        _compute_in_float32(inner)
