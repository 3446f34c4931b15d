"""Makes a map of classes of what a segmentation model returns for an image."""

from __future__ import annotations

from functools import lru_cache
from threading import get_ident
from typing import TYPE_CHECKING

import numpy as np

from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.classify.map_rule import MAX_MAP_CLASSES, WHOLE_NUMBERS, has_channels_first
from strop.runtime.classify.scores import dequantize
from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import ArtifactError, ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNSEEN = 255  # in a map: outside of what the model saw
BLOCK = 1 << 17  # codes that are looked at at once; their numbers stay in the cache
PROBABILITY_SCALE = 1 / 256  # of a sigmoid in int8, by TFLite's specification


def class_map(raw: Array, info: TensorInfo, contract: Contract, *, where: str) -> NDArray[np.uint8]:
    """Find the class of each pixel.

    Args:
        raw: [1, H, W, C] or, of an artifact with channels first, [1, C, H, W]: a score per class,
            of which the highest wins (of equal ones the first); with one score, class 1 is where
            it reaches the contract's threshold. Or classes, [1, H, W], [1, H, W, 1] or
            [1, 1, H, W] of whole numbers.
        info: Of the output.
        contract: Of the artifact.
        where: Named in errors.

    Returns:
        uint8 [H, W].

    Raises:
        ArtifactError: Another shape, more than MAX_MAP_CLASSES, or a score that is not finite.
        ContractError: One score whose threshold is unknown.
    """
    if raw.ndim == 4 and raw.shape[0] == 1 and has_channels_first(contract):
        raw = raw.transpose(0, 2, 3, 1)
    if info.dtype in WHOLE_NUMBERS and (raw.ndim == 3 or (raw.ndim == 4 and raw.shape[3] == 1)):
        return _classes(raw.reshape(raw.shape[:3]), where=where)
    if raw.ndim == 3:
        raw = raw[..., None]
    if raw.ndim != 4 or raw.shape[0] != 1 or min(raw.shape) < 1:
        raise ArtifactError(
            f"{where}: its output is {list(raw.shape)}; needed is a map of scores, [1, height,"
            " width, classes], or of classes, [1, height, width]. Is it a segmentation model?"
        )
    _check_count(raw.shape[3], where=where)
    if raw.shape[3] == 1:
        return _above(raw[0, :, :, 0], info, contract, where=where)
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        raise ArtifactError(f"{where}: a score is NaN or infinite; export the model again")
    return best_class(raw[0])


def best_class(scores: Array) -> NDArray[np.uint8]:
    """Find the class with the highest score of each pixel; of equal ones the first.

    Args:
        scores: int8, uint8 or float [H, W, classes], at most MAX_MAP_CLASSES of them.
    """
    if scores.strides[2] != scores.itemsize:
        return _best_of_planes(scores)
    if scores.dtype.itemsize > 1:
        of_floats: NDArray[np.uint8] = scores.argmax(axis=2).astype(np.uint8)
        return of_floats
    height, width, classes = scores.shape
    return _best_codes(scores.reshape(-1), classes).reshape(height, width)


def _best_of_planes(scores: Array) -> NDArray[np.uint8]:
    """Go through classes that stand one plane behind the other, which argmax reads across."""
    best = scores[..., 0].copy()
    found = np.zeros(best.shape, np.uint8)
    for place in range(1, scores.shape[2]):
        plane = scores[..., place]
        is_higher = plane > best
        np.maximum(best, plane, out=best)
        np.maximum(found, is_higher.view(np.uint8) * np.uint8(place), out=found)
    return found


def _best_codes(codes: Array, classes: int) -> NDArray[np.uint8]:
    """Find the best class of pixels whose codes stand side by side.

    Codes are in the order of their scores. With 255 - class as a lower byte, the highest number of
    a pixel has its class. Maxima over 2, 4, 8 neighbours and so on are taken of all places at once,
    also of those that are in two pixels: that takes a quarter of the time of argmax, which is
    called for each pixel anew, since a pixel has few classes.
    """
    pixels = len(codes) // classes
    found = np.empty(pixels, np.uint8)
    step = min(pixels, max(1, BLOCK // classes))
    dtype = "int16" if codes.dtype == np.int8 else "uint16"
    lower, keyed, other = _room(classes, step, dtype, get_ident())
    for first in range(0, pixels, step):
        block = codes[first * classes : (first + step) * classes]
        length, span = len(block), 1
        keys = keyed[:length]
        keys[:] = block
        keys *= lower.dtype.type(256)
        keys += lower[:length]
        while 3 * span < classes:
            length -= span
            np.maximum(keyed[:length], keyed[span : span + length], out=other[:length])
            keyed, other, span = other, keyed, 2 * span
        # Up to three are left, of which the last may overlap another.
        best = np.maximum(keyed[:length:classes], keyed[classes - span : length : classes])
        if 2 * span < classes:
            np.maximum(best, keyed[span:length:classes][: len(best)], out=best)
        found[first : first + step] = np.invert(best).astype(np.uint8)
    return found


@lru_cache(maxsize=4)
def _room(classes: int, pixels: int, dtype: str, thread: int) -> tuple[Array, Array, Array]:
    """Return 255 - class for the pixels of a block, and room for them twice.

    Each thread keeps its own: new memory is cleared page by page.
    """
    of_pixel = np.arange(255, 255 - classes, -1, dtype=dtype)
    lower = np.tile(of_pixel, pixels)
    return lower, np.empty_like(lower), np.empty_like(lower)


def _classes(raw: Array, *, where: str) -> NDArray[np.uint8]:
    if raw.shape[0] != 1 or not raw.size:
        raise ArtifactError(f"{where}: its output is {list(raw.shape)}; needed is one image's map")
    low, high = int(raw.min()), int(raw.max())
    if low < 0 or high >= MAX_MAP_CLASSES:
        raise ArtifactError(
            f"{where}: classes {low} to {high}; needed are 0 to {MAX_MAP_CLASSES - 1}"
        )
    found: NDArray[np.uint8] = raw[0].astype(np.uint8)
    return found


def _check_count(classes: int, *, where: str) -> None:
    if classes > MAX_MAP_CLASSES:
        raise ArtifactError(
            f"{where}: {classes} classes; a mask's palette holds {MAX_MAP_CLASSES}. Are the"
            " channels in the last place?"
        )


def _above(raw: Array, info: TensorInfo, contract: Contract, *, where: str) -> NDArray[np.uint8]:
    """Return 1 where a single score reaches its threshold."""
    scores = dequantize(raw, info)
    is_known = contract.activation is Activation.SIGMOID or info.scale == PROBABILITY_SCALE
    if not contract.thresholds and not is_known:
        raise ContractError(
            f"{where}: one score per pixel, whose threshold is unknown; give --threshold 0.5 for"
            " probabilities, --threshold 0 for logits, or --activation sigmoid for logits too"
        )
    limit = contract.thresholds[0] if contract.thresholds else 0.5
    if contract.activation is Activation.SIGMOID:
        with np.errstate(divide="ignore"):
            limit = float(np.log(limit) - np.log1p(-limit))
    found: NDArray[np.uint8] = (scores >= limit).astype(np.uint8)
    return found


def shares(classes: NDArray[np.uint8]) -> dict[int, float]:
    """Return the share of each class that is there, of what the model saw."""
    counts = np.bincount(classes.reshape(-1), minlength=UNSEEN + 1)[:UNSEEN]
    seen = max(1, int(counts.sum()))
    return {int(found): int(counts[found]) / seen for found in np.flatnonzero(counts)}
