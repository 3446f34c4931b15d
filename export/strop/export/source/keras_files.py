"""Open a .keras or HDF5 file as a Keras model, without running code from it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from strop.export.source.file_kind import FileKind, file_kind, refuse_pointer
from strop.export.source.hdf5_check import FREE_BYTES, MAX_EXPANSION, check_hdf5, probe_hdf5
from strop.export.source.keras2 import custom_objects, rewrite
from strop.export.source.keras3 import CONFIG_ATTRIBUTE, CONFIG_MEMBER, copy_with, rewrite_ends
from strop.export.source.keras_config import MAX_CONFIG_BYTES, Config, parse_config
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.export.source.memory_limits import variable_budget
from strop.export.source.vet_config import vet_config
from strop.runtime.errors import SourceError

HALF_PRECISION = ("float16", "bfloat16")
WEIGHTS = "model.weights.h5"
# Keras stores; the decoders of others have errors of their own, as lzma.LZMAError.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Keras unpacks all others to a temporary folder, which it leaves where that fails.
MEMBERS = frozenset({"config.json", "metadata.json", WEIGHTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class KerasFile:
    """A model file, looked through and not yet loaded.

    Attributes:
        path: The file.
        suffix: By which Keras knows the format: ".keras" or ".h5", whatever the file is called.
        config: The model's configuration, as the file has it.
        written_by: Version of Keras; "2" where the file does not say it.
        weights_bytes: Of all weights in it.
    """

    path: Path
    suffix: str
    config: Config
    written_by: str
    weights_bytes: int


def open_keras(path: Path) -> Any:
    """Load a model for inference in float32.

    A model that was trained in mixed precision is set to compute in float32.

    Args:
        path: A .keras file or an HDF5 file (.h5, .hdf5; Keras 2 called them .keras and .model
            too) of Keras 2 or 3; its first bytes say which it is.

    Returns:
        A keras.Model, not compiled.

    Raises:
        SourceError: Not such a file, no architecture in it, a Lambda layer or an unknown
            class in it, links to other files, sizes out of proportion, or Keras cannot load
            it.
    """
    try:
        file = _read(path)
        with variable_budget(file.weights_bytes, where=str(path)):
            model = _load(file)
    except LOAD_ERRORS as err:
        raise SourceError(
            f"{path}: Keras {keras.__version__} cannot load this model ({reason(err)}); save it"
            " again with the Keras that wrote it, or export a SavedModel and give that"
        ) from err
    _compute_in_float32(model)
    return model


def check_weights_file(path: Path) -> int:
    """Check an HDF5 file of weights by `check_hdf5`.

    Returns:
        Bytes of all datasets once read.

    Raises:
        SourceError: See `probe_hdf5` and `check_hdf5`.
    """
    probe_hdf5(path, where=str(path))
    with h5py.File(path, "r") as file:
        return check_hdf5(file, where=str(path), size_bytes=path.stat().st_size)


@contextmanager
def named(path: Path, name: str) -> Iterator[Path]:
    """Give a file another name for as long as Keras reads it: Keras goes by the suffix."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, name)
        link.symlink_to(path.resolve())
        yield link


def _read(path: Path) -> KerasFile:
    kind = file_kind(path)
    if kind is FileKind.LFS_POINTER:
        refuse_pointer(path)
    if kind not in (FileKind.ZIP, FileKind.HDF5):
        raise SourceError(
            f"{path}: {kind.value}; needed is a .keras file (a zip archive), an HDF5 file or a"
            " SavedModel folder; copy it again, or save the model with model.save('NAME.keras')"
        )
    return _read_zip(path) if kind is FileKind.ZIP else _read_hdf5(path)


def _read_zip(path: Path) -> KerasFile:
    if not zipfile.is_zipfile(path):
        raise SourceError(
            f"{path}: a .keras file without its end; copy it again, or save the model with"
            " model.save('NAME.keras')"
        )
    size_bytes = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        _check_members(archive, path, size_bytes)
        config = parse_config(_member(archive, CONFIG_MEMBER, path), f"{path}: {CONFIG_MEMBER}")
        metadata = parse_config(_member(archive, "metadata.json", path), f"{path}: metadata.json")
        if WEIGHTS not in archive.namelist():
            raise SourceError(f"{path}: no {WEIGHTS} in it; save the model again")
        with _unpacked(archive, WEIGHTS) as weights:
            probe_hdf5(weights, where=str(path))
            with h5py.File(weights, "r") as file:
                weights_bytes = check_hdf5(
                    file, where=f"{path}: {WEIGHTS}", size_bytes=weights.stat().st_size
                )
    return KerasFile(
        path=path,
        suffix=".keras",
        config=config,
        written_by=str(metadata.get("keras_version", "3")),
        weights_bytes=weights_bytes,
    )


def _check_members(archive: zipfile.ZipFile, path: Path, size_bytes: int) -> None:
    members = archive.infolist()
    if len({member.filename for member in members}) < len(members):
        raise SourceError(f"{path}: two members of one name in this archive; save the model again")
    total = sum(member.file_size for member in members)
    others = sorted({member.filename for member in members} - MEMBERS)
    if others:
        raise SourceError(
            f"{path}: holds {others[0][:80]!r}, and needed are {', '.join(sorted(MEMBERS))} only;"
            " save the model without layers that keep files of their own, as StringLookup does"
        )
    if any(member.compress_type not in COMPRESSIONS for member in members):
        raise SourceError(
            f"{path}: a member is compressed in another way than zip archives usually are; save the"
            " model again"
        )
    if total > MAX_EXPANSION * size_bytes + FREE_BYTES:
        raise SourceError(
            f"{path}: unpacks to {total} bytes from {size_bytes}; no model does. Save it again"
        )


@contextmanager
def _unpacked(archive: zipfile.ZipFile, name: str) -> Iterator[Path]:
    """Copy a member to a file: going back in an archive reads the member from its beginning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        with archive.open(name) as member, path.open("wb") as copy:
            shutil.copyfileobj(member, copy)
        yield path


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(MAX_CONFIG_BYTES + 1)
    except KeyError as err:
        raise SourceError(
            f"{path}: a zip archive without {name}, so not a .keras file; save the model with"
            " model.save('NAME.keras')"
        ) from err


def _read_hdf5(path: Path) -> KerasFile:
    weights_bytes = check_weights_file(path)
    with h5py.File(path, "r") as file:
        stored = file.attrs.get(CONFIG_ATTRIBUTE)
        written_by = str(file.attrs.get("keras_version", "2"))
    if stored is None:
        raise SourceError(
            f"{path}: weights only, no architecture in it; give the architecture by its zoo"
            f" name and these weights with --weights {path} (`strop zoo` lists the names)"
        )
    return KerasFile(
        path=path,
        suffix=".h5",
        config=parse_config(stored, f"{path}: {CONFIG_ATTRIBUTE}"),
        written_by=written_by,
        weights_bytes=weights_bytes,
    )


def _load(file: KerasFile) -> Any:
    is_keras3 = file.written_by.startswith("3.")
    config = file.config
    if not is_keras3:
        config = rewrite(config, where=str(file.path))
    # Before any loading: Keras' reader of HDF5 files may run what a Lambda layer holds.
    vet_config(config, where=str(file.path))
    with named(file.path, f"model{file.suffix}") as path:
        if is_keras3:
            if rewrite_ends(config):
                path.unlink()
                copy_with(config, file.path, path)
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
