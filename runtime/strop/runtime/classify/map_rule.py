"""The rule of a map: which of its numbers belong to a pixel, and what they may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from strop.runtime.artifact.contract import Activation, Contract, Layout
from strop.runtime.errors import ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_MAP_CLASSES = 255  # what a PNG's palette holds beside UNSEEN
WHOLE_NUMBERS = ("int32", "int64", "uint32", "uint64", "int16", "uint16")
PROBABILITY, LOGIT = 0.5, 0.0  # the usual thresholds of one score: even odds


def map_classes(shape: Sequence[int]) -> int:
    """Return how many scores each pixel has.

    Args:
        shape: Of a map, [height, width, classes] or [height, width].
    """
    return shape[2] if len(shape) == 3 else 1


def spread_pixels(shape: Sequence[int], most: int) -> NDArray[np.intp]:
    """Return places of at most so many pixels of a map, of evenly spread rows and columns.

    Args:
        shape: Of the map, [height, width] in front.
        most: A square number; all pixels of a map that has no more.
    """
    height, width = shape[:2]
    if height * width <= most:
        return np.arange(height * width)
    side = math.isqrt(most)
    rows, columns = (
        np.linspace(0, length - 1, min(length, side)).round().astype(np.intp)
        for length in (height, width)
    )
    places: NDArray[np.intp] = (rows[:, None] * width + columns).reshape(-1)
    return places


def map_thresholds(
    shape: Sequence[int], activation: Activation, thresholds: Sequence[float], *, where: str
) -> tuple[float, ...]:
    """Check that a SEGMENT task's output is a map; return the threshold of one score per pixel.

    Args:
        shape: Of the output for one image, without the batch.
        activation: That the scores go through.
        thresholds: One for one score per pixel, or none.
        where: Named in errors.

    Returns:
        One number, in the unit of the activated score; none of several scores per pixel.

    Raises:
        ContractError: No map, or a threshold that it cannot have.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ContractError(
            f"{where}: an image has {list(shape)} numbers, and the task is segment, which takes a"
            " map, [height, width, classes] or [height, width]; end the model in one, or give"
            " another --task"
        )
    classes = map_classes(shape)
    if classes > MAX_MAP_CLASSES:
        raise ContractError(
            f"{where}: {classes} classes; a mask's palette holds {MAX_MAP_CLASSES}. Are the"
            " channels in the last place?"
        )
    if classes > 1:
        if thresholds:
            raise ContractError(
                f"{where}: a threshold is given, and each pixel has {classes} scores, of which the"
                " highest is the answer; leave out --threshold"
            )
        return ()
    if activation in (Activation.SOFTMAX, Activation.L2):
        raise ContractError(
            f"{where}: one score per pixel behind a {activation.value} is the same for every pixel;"
            " end the model in a sigmoid, or in a score for each class"
        )
    if len(thresholds) > 1:
        raise ContractError(f"{where}: {len(thresholds)} thresholds for one score; needed is one")
    usual = LOGIT if activation is Activation.NONE else PROBABILITY
    return tuple(thresholds) or (usual,)


def has_channels_first(contract: Contract) -> bool:
    """Whether an artifact's map has a plane for each class; strop writes classes last."""
    return contract.layout is Layout.NCHW and not contract.strop_version


def map_shape(contract: Contract, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return an output's shape, the batch in front, with its classes last."""
    if len(shape) == 4 and has_channels_first(contract):
        return (shape[0], *shape[2:], shape[1])
    return shape


def map_in_words(shape: Sequence[int], thresholds: Sequence[float]) -> str:
    """Put the rule of a map into a few words, for settings and pages."""
    pixels = f"segment: {shape[1]} x {shape[0]} pixels"
    if thresholds:
        return f"{pixels}, class 1 at {thresholds[0]:g} or above"
    return f"{pixels}, the highest of {map_classes(shape)} scores each"
