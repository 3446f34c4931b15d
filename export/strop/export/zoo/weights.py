"""Loads the weights of a file into a network of the zoo, or draws random ones."""

from __future__ import annotations

import math
import warnings
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from strop.export.source.file_kind import FileKind, file_kind, refuse_pointer
from strop.export.source.keras_files import check_weights_file, named, open_keras
from strop.export.source.load_errors import LOAD_ERRORS, reason
from strop.runtime.errors import SourceError

OLD, NEW = "model.h5", "model.weights.h5"  # how Keras tells its two forms of weights apart
SAME = "give weights of the same architecture, with the same --alpha, --classes and form"


def load_weights(model: Any, path: Path) -> None:
    """Load weights, over those that the model has.

    Args:
        model: A built keras.Model.
        path: A .weights.h5 of Keras 3, an .h5 of weights or of a whole model of Keras 2 or
            3, or a .keras file.

    Raises:
        SourceError: No such file, not one of these, or it does not fit the model; the
            first mismatch is named.
    """
    if not path.is_file():
        raise SourceError(
            f"{path}: no such file; --weights takes imagenet, random, or a .keras, .h5 or"
            " .weights.h5 file"
        )
    kind = file_kind(path)
    if kind is FileKind.ZIP:
        _copy_weights(open_keras(path), model, path)
        return
    if kind is FileKind.LFS_POINTER:
        refuse_pointer(path)
    if kind is not FileKind.HDF5:
        raise SourceError(
            f"{path}: not a weights file; needed is a .keras, .h5 or .weights.h5 file of Keras"
        )
    try:
        check_weights_file(path)
        with h5py.File(path, "r") as file:
            is_old_form = "layer_names" in file.attrs or "model_weights" in file
        with warnings.catch_warnings(), named(path, OLD if is_old_form else NEW) as link:
            # Ahead of the error over the same layers, which says more.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(link)
    except LOAD_ERRORS as err:
        raise SourceError(f"{path}: does not fit {model.name} ({reason(err)}); {SAME}") from err


def _copy_weights(found: Any, model: Any, path: Path) -> None:
    for there, here in zip_longest(found.weights, model.weights):
        if there is None or here is None or tuple(there.shape) != tuple(here.shape):
            raise SourceError(
                f"{path}: does not fit {model.name}: it has {_described(there)} where"
                f" {_described(here)} is needed; {SAME}"
            )
    for there, here in zip(found.weights, model.weights, strict=True):
        here.assign(there)


def _described(variable: Any) -> str:
    return "nothing" if variable is None else f"{variable.path} {tuple(variable.shape)}"


def randomize(model: Any, seed: int) -> None:
    """Draw the kernels from a normal distribution of variance 2 / fan-in.

    Activations keep their size through the layers, so that ranges are not degenerate.

    Args:
        model: A built keras.Model; biases and batch norm stay as Keras starts them.
        seed: Of the draw; Keras' global seed is left alone.

    Source: K. He et al., Delving Deep into Rectifiers, arXiv:1502.01852, eq. 10.
    """
    generator = np.random.default_rng(seed)
    for variable in model.trainable_weights:
        shape = tuple(variable.shape)
        if len(shape) < 2:
            continue
        # A depthwise kernel [H, W, C, 1] feeds each output from one channel only.
        is_depthwise = len(shape) == 4 and shape[-1] == 1
        fan_in = math.prod(shape[:2] if is_depthwise else shape[:-1])
        variable.assign(generator.normal(0, math.sqrt(2 / fan_in), shape).astype(np.float32))
