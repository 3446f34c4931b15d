"""The networks of keras.applications, with random weights and statistics of real images."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from peers.models import set_statistics

from strop.runtime.artifact.contract import Contract
from strop.runtime.images.dataset import pixels_in_order

SEED = 0
# keras.applications starts every block's factor at 1e-6, with which a network of random weights
# is its first and last layers; trained ones are near 1.
LAYER_SCALE = 0.5
USUAL_SIZE = 224  # of networks that take any
STATISTICS_PIXELS = 24 * 224 * 224  # Keras holds every layer's result: 1.1 GB of an EfficientNetB0


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A model of keras.applications and the normalization of its pixels.

    Attributes:
        model: A keras.Model.
        size: Side of its images, in pixels.
        mean: Per channel, subtracted from the pixels in front of it.
        std: Per channel, divides what is left.
    """

    model: Any
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def network_names() -> tuple[str, ...]:
    """Return the names of all networks, as Keras has them."""
    found = vars(keras.applications).items()
    return tuple(sorted(name for name, value in found if inspect.isfunction(value)))


def random_network(name: str, images: Sequence[Path], *, size: int | None) -> Network:
    """Build a network with random weights, and set its statistics from images.

    Untrained, its activations would shrink or grow from layer to layer, and nothing measured on it
    would be what a trained one has.

    Args:
        name: As in keras.applications.
        images: All are used at once.
        size: Side of the images in pixels; None for the network's own.
    """
    build = getattr(keras.applications, name)
    keras.utils.set_random_seed(SEED)
    shape = {} if size is None else {"input_shape": (size, size, 3)}
    model = build(weights=None, **shape)
    side = int(model.input_shape[1] or size or USUAL_SIZE)
    mean, std = normalization(inspect.getmodule(build))
    some = images[: max(STATISTICS_PIXELS // side**2, 2)]
    pixels = np.stack(list(pixels_in_order(some, Contract(height=side, width=side))))
    _scale_blocks(model)
    reals = (pixels - np.asarray(mean)) / np.asarray(std)
    set_statistics(model, reals.astype(np.float32))
    return Network(model=model, size=side, mean=mean, std=std)


def normalization(module: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Find mean and std from what a network's `preprocess_input` makes of black and of white."""
    black, white = (
        np.asarray(module.preprocess_input(np.full((1, 1, 1, 3), value, np.float32)))
        for value in (0.0, 255.0)
    )
    std = 255.0 / (white - black).reshape(3).astype(np.float64)
    mean = -black.reshape(3) * std
    return tuple(mean.round(4).tolist()), tuple(std.round(4).tolist())


def _scale_blocks(model: Any) -> None:
    for variable in model.weights:
        if variable.path.endswith("layer_scale/gamma"):
            variable.assign(np.full(variable.shape, LAYER_SCALE, np.float32))
