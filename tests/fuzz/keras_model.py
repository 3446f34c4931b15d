"""Damages Keras' own files: the configuration of their layers, their HDF5, their archive."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.fuzz.archives import damaged_archive
from tests.fuzz.damage import REALS, damaged, edge, hostile_text, one_of
from tests.fuzz.json_text import changed, damaged_json, to_text

# Names that load something: a Lambda's code, a module, another file, a layer that is none.
CLASSES = (
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "Conv2D", "Dense", "Flatten"),
    *("Reshape", "Embedding", "TextVectorization", "StringLookup", "Functional", "Sequential"),
    *("InputLayer", "Bidirectional", "TimeDistributed", "Concatenate", "__lambda__", "exec"),
)
MODULES = (
    *("os", "builtins", "subprocess", "keras", "keras.layers", "keras.src.layers", "antigravity"),
    *("tensorflow", "strop.cli", "pickle"),
)
LAMBDA = {
    "class_name": "__lambda__",
    "config": {"code": "4wEAAAAAAAAAAAAA", "defaults": None, "closure": None},
}
DTYPES = ("float16", "float64", "int32", "string", "complex64", "bfloat16", "nonsense")
SIZES = (0, -1, 1, 2**31, 20_000_000, 10**9, 1.5)


def damaged_keras(random: np.random.Generator, content: bytes) -> bytes:
    """A .keras archive with its configuration, its weights or the archive damaged."""
    return damaged_archive(random, content, _damaged_member)


def _damaged_member(random: np.random.Generator, name: str, content: bytes) -> bytes:
    if name.endswith(".json"):
        return damaged_config(random, content.decode())
    return damaged(random, content, most=20, keeps_size=random.random() < 0.9)


def damaged_config(random: np.random.Generator, text: str) -> bytes:
    """A model's configuration with layers that are others, or anything else."""
    try:
        tree = json.loads(text)
    except ValueError:  # damaged before
        return damaged(random, text.encode("utf-8", "surrogatepass"))
    if random.random() < 0.3:
        return damaged_json(random, text)
    layers = tree.get("config", {}).get("layers") if isinstance(tree, dict) else None
    if not layers:
        return to_text(changed(random, tree)).encode("utf-8", "surrogatepass")
    for _ in range(1 + int(random.integers(3))):
        layer = one_of(random, layers)
        if isinstance(layer, dict) and isinstance(layer.get("config"), dict):
            one_of(random, LAYER_EDITS)(random, layer)
    return to_text(tree).encode("utf-8", "surrogatepass")


def _rename(random: np.random.Generator, layer: dict[str, Any]) -> None:
    layer["class_name"] = one_of(random, CLASSES)
    if random.random() < 0.5:
        layer["module"] = one_of(random, MODULES)
        layer["registered_name"] = one_of(random, (None, "Custom>Evil", hostile_text(random)))
    if random.random() < 0.5:
        layer["config"]["function"] = LAMBDA
    if layer["class_name"] == "TFSMLayer":
        layer["config"]["filepath"] = one_of(random, ("/etc", "../../canary", "https://x.invalid"))


def _change_setting(random: np.random.Generator, layer: dict[str, Any]) -> None:
    config = layer["config"]
    if not config:
        return
    name = one_of(random, tuple(config))
    value = config[name]
    if isinstance(value, list) and value:
        config[name] = [one_of(random, (each, one_of(random, SIZES))) for each in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        config[name] = one_of(random, (*SIZES, edge(random)))
    else:
        config[name] = changed(random, {"x": value}).get("x")


def _change_type(random: np.random.Generator, layer: dict[str, Any]) -> None:
    layer["config"]["dtype"] = one_of(random, DTYPES)


def _change_links(random: np.random.Generator, layer: dict[str, Any]) -> None:
    layer["inbound_nodes"] = changed(random, {"x": layer.get("inbound_nodes")}).get("x")
    if random.random() < 0.3:
        layer["name"] = layer["config"]["name"] = hostile_text(random)


LAYER_EDITS: tuple[Callable[[np.random.Generator, dict[str, Any]], None], ...] = (
    *(_rename, _rename, _change_setting, _change_setting, _change_setting, _change_type),
    _change_links,
)


def damage_hdf5(random: np.random.Generator, path: Path) -> None:
    """Damage an HDF5 file where it lies."""
    if random.random() < 0.35:
        keeps_size = random.random() < 0.8
        path.write_bytes(damaged(random, path.read_bytes(), most=20, keeps_size=keeps_size))
        return
    with h5py.File(path, "r+") as file:
        for _ in range(1 + int(random.integers(3))):
            one_of(random, HDF5_EDITS)(random, file)


def _objects(file: Any) -> list[str]:
    found: list[str] = []
    file.visit(found.append)
    return found


def _change_config(random: np.random.Generator, file: Any) -> None:
    if "model_config" not in file.attrs:
        return
    text = damaged_config(random, str(file.attrs["model_config"])).replace(b"\x00", b"")
    if len(text) > 60_000:  # an attribute's own limit
        text = text[:60_000]
    file.attrs["model_config"] = np.bytes_(text or b" ")


def _change_version(random: np.random.Generator, file: Any) -> None:
    name = one_of(random, ("keras_version", "backend"))
    if name in file.attrs:
        file.attrs[name] = one_of(random, ("1.0", "2.2.4-tf", "", "torch", 7, b"\xff"))


def _drop(random: np.random.Generator, file: Any) -> None:
    names = _objects(file)
    if names:
        del file[one_of(random, names)]


def _link(random: np.random.Generator, file: Any) -> None:
    names = _objects(file)
    if not names:
        return
    name = one_of(random, names)
    other = one_of(random, names)
    kinds = (
        h5py.ExternalLink("../../canary/kept.h5", "/"),
        h5py.ExternalLink("/etc/passwd", "/"),
        h5py.SoftLink(f"/{other}"),
        h5py.SoftLink(f"/{name}"),
    )
    del file[name]
    file[name] = one_of(random, kinds)


def _change_array(random: np.random.Generator, file: Any) -> None:
    arrays = [name for name in _objects(file) if isinstance(file.get(name), h5py.Dataset)]
    if not arrays:
        return
    name = one_of(random, arrays)
    shape = file[name].shape
    choice = int(random.integers(5))
    if choice == 0:
        with contextlib.suppress(OSError):  # an earlier edit has put its numbers elsewhere
            file[name][...] = one_of(random, REALS)
        return
    del file[name]
    if choice == 1:  # gigabytes, of which the file has none
        side = one_of(random, (10**6, 2**31, 2**33))
        file.create_dataset(name, (side,), "f4", chunks=(4096,), compression="gzip")
    elif choice == 2:
        file.create_dataset(name, data=np.zeros((*shape, 2), np.float32))
    elif choice == 3:
        file.create_dataset(name, (100,), "u1", external=[("/etc/passwd", 0, 100)])
    else:
        layout = h5py.VirtualLayout(shape=(100,), dtype="u1")
        layout[:] = h5py.VirtualSource("../../canary/kept.h5", "x", shape=(100,))
        file.create_virtual_dataset(name, layout)


def _change_names(random: np.random.Generator, file: Any) -> None:
    groups = [name for name in _objects(file) if "weight_names" in file[name].attrs]
    if groups:
        names = one_of(random, ([], [b"/"], [b"../../x"], [b"x" * 30_000], [b"\xff\xfe"], 3))
        file[one_of(random, groups)].attrs["weight_names"] = names


HDF5_EDITS: tuple[Callable[[np.random.Generator, Any], None], ...] = (
    *(_change_config, _change_config, _change_config, _change_version, _drop, _link),
    *(_change_array, _change_array, _change_names),
)
