"""Rewrites, in a copy of the file, what early Keras 3 wrote and later versions do not read."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import h5py

from strop.export.source.keras_config import Config

CONFIG_MEMBER = "config.json"
CONFIG_ATTRIBUTE = "model_config"
ENDS = ("input_layers", "output_layers")


def rewrite_ends(config: Config) -> bool:
    """Make a model in a Sequential take and return a tensor, where it has a list of one; in place.

    Keras 3.0 to 3.8 wrote every functional model's output as a list; later versions give the
    Sequential's next layer that list, and it refuses. The file that transfer learning leaves,
    a backbone and new layers in a Sequential, is of this kind.

    Returns:
        Whether something was changed.
    """
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    changed = False
    for layer in layers if isinstance(layers, list) else ():
        if not isinstance(layer, dict):
            continue
        changed |= rewrite_ends(layer)
        ends = layer.get("config")
        for side in ENDS if config.get("class_name") == "Sequential" else ():
            if isinstance(ends, dict) and isinstance(ends.get(side), list) and len(ends[side]) == 1:
                ends[side] = ends[side][0]
                changed = True
    return changed


def copy_with(config: Config, path: Path, copy: Path) -> None:
    """Copy a .keras or HDF5 file, by the copy's suffix, with another configuration."""
    text = json.dumps(config)
    if copy.suffix != ".keras":
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs[CONFIG_ATTRIBUTE] = text
        return
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            if name == CONFIG_MEMBER:
                new.writestr(name, text)
                continue
            with old.open(name) as source, new.open(name, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
