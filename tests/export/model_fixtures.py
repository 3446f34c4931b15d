"""Small Keras models for the tests of the export half."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np

SIDE = 16
CLASSES = 5
# What Keras says of files that the tests write on purpose: .h5 is legacy, lambda is unsafe.
KERAS_WARNINGS = (
    "ignore:.*HDF5 file via.*:UserWarning",
    "ignore:.*includes a `lambda`.*:UserWarning",
)


def small_model(shape: tuple[int | None, ...] = (SIDE, SIDE, 3), *, dtype: str = "float32") -> Any:
    """A convolution, batch norm and a classifier, with weights that are the same each time."""
    image = keras.Input(shape, dtype=dtype, name="image")
    x = image if dtype == "float32" else keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, strides=2, name="Conv1")(x)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.ReLU(6.0)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(image, keras.layers.Dense(CLASSES, activation="softmax")(x), name="small")
    generator = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(np.abs(generator.normal(0, 0.3, variable.shape)) + 0.01)
    return model


def images(count: int = 2, side: int = SIDE, channels: int = 3) -> Any:
    """float32 pixels [count, side, side, channels], 0..255."""
    drawn = np.random.default_rng(1).integers(0, 256, (count, side, side, channels))
    return drawn.astype(np.float32)


def saved(model: Any, path: Path) -> Path:
    """Save a model to a .keras or .h5 file, or export it as a SavedModel folder."""
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)
    return path


def some_of(folder: Path, made: Path, each: int) -> Path:
    """A folder with the first few images of every class."""
    for kind in sorted(folder.iterdir()):
        (made / kind.name).mkdir(parents=True)
        for path in sorted(kind.iterdir())[:each]:
            shutil.copy(path, made / kind.name)
    return made
