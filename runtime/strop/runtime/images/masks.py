"""Reads masks: PNG files whose pixels are classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ImageError
from strop.runtime.images.load import check_pixels, opened_image
from strop.runtime.images.seen import seen_box

COLOURS = 256
BITS = 8
MASK_MODES = ("P", "L")
VOID = 255  # a pixel of no class, which is not counted


def palette() -> tuple[tuple[int, int, int], ...]:
    """Return the colours of PASCAL VOC's masks: black for class 0, cream for 255.

    Source: PASCAL VOC 2012 development kit, VOClabelcolormap.m.
    """
    return tuple(map(_colour, range(COLOURS)))


def _colour(number: int) -> tuple[int, int, int]:
    channels = [0, 0, 0]
    for place in range(BITS):
        for channel in range(3):
            channels[channel] |= (number >> channel & 1) << (BITS - 1 - place)
        number >>= 3
    return channels[0], channels[1], channels[2]


PALETTE = [value for colour in palette() for value in colour]


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read the classes [H, W] of a PNG with a palette, or of grey values.

    Raises:
        ImageError: There is none, it is damaged or too large, or its pixels are colours.
    """
    with opened_image(path) as image:
        check_pixels(image, where=str(path))
        if image.mode not in MASK_MODES:
            raise ImageError(
                f"{path}: a mask of mode {image.mode}; needed is a PNG with a palette, or grey of 8"
                " bits, whose pixels are classes"
            )
        return np.array(image)


def masks_of(images: Sequence[Path], folder: Path, masks: Path) -> tuple[Path, ...]:
    """Name the mask of each image: the same path below the other folder, as .png.

    Raises:
        ImageError: One is missing.
    """
    found = tuple(masks / path.relative_to(folder).with_suffix(".png") for path in images)
    lacking = [path for path in found if not path.is_file()]
    if lacking:
        raise ImageError(
            f"{lacking[0]}: no such file; needed is a mask for each of the {len(images)} images,"
            f" {len(lacking)} have none"
        )
    return found


def true_classes(path: Path, size: tuple[int, int], classes: int | None) -> NDArray[np.uint8]:
    """Read the mask of an image.

    Args:
        path: The mask.
        size: Width and height of its image, upright.
        classes: How many there are; None if that is unknown.

    Raises:
        ImageError: As `read_mask`, or it has another size, or a class beyond these.
    """
    mask = read_mask(path)
    (rows, columns), (width, height) = mask.shape, size
    if (columns, rows) != size:
        raise ImageError(
            f"{path}: {columns} x {rows} pixels, and its picture has {width} x {height}; needed is"
            " a mask of the picture's own size"
        )
    highest = int(mask[mask != VOID].max(initial=0))
    if classes is not None and highest >= classes:
        raise ImageError(
            f"{path}: a pixel of class {highest}, and there are {classes} classes; needed are 0 to"
            f" {classes - 1}, and {VOID} where nothing is known"
        )
    return mask


def as_seen(
    mask: NDArray[np.uint8], contract: Contract, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return a mask by the pixels of a model's map: the nearest ones, VOID outside of the image.

    A middle between two pixels of the mask is of the right or lower one: products come before
    the quotient, so that such a place is exact.

    Args:
        mask: [H, W], of the image's own size.
        contract: Of the model.
        size: Width and height of its map.
    """
    rows, columns = mask.shape
    left, top, right, bottom = seen_box((columns, rows), contract)
    width, height = size
    x = np.floor(left + (np.arange(width) + 0.5) * (right - left) / width).astype(int)
    y = np.floor(top + (np.arange(height) + 0.5) * (bottom - top) / height).astype(int)
    is_inside = ((y >= 0) & (y < rows))[:, None] & (x >= 0) & (x < columns)
    near = mask[y.clip(0, rows - 1)[:, None], x.clip(0, columns - 1)]
    return np.where(is_inside, near, np.uint8(VOID))
