"""Reads and writes maps of classes as PNG files, and lays their colours over pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.runtime.errors import ImageError
from strop.runtime.images.load import check_pixels, opened_image
from strop.runtime.records.user_files import write_whole_bytes

COLOURS = 256
BITS = 8
MASK_MODES = ("P", "L")
JPEG_QUALITY = 90  # a PNG of 12 megapixels takes seconds
OVERLAY_SHARE = 0.6  # of the colour of a class; of class 0 nothing


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


def write_mask(classes: NDArray[np.uint8], path: Path) -> None:
    """Write a map of classes [H, W] as a PNG whose pixels are the classes.

    Raises:
        OutputError: The file cannot be written.
    """
    image = Image.fromarray(classes)
    image.putpalette([value for colour in palette() for value in colour])
    _write(image, path, "PNG")


def write_overlay(picture: Image.Image, classes: NDArray[np.uint8], path: Path) -> None:
    """Write a picture with the colours of its classes [H, W], class 0 as it is, as JPEG.

    Raises:
        OutputError: The file cannot be written.
    """
    colours = Image.fromarray(np.array(palette(), np.uint8)[classes])
    strength = np.where(classes == 0, 0, round(255 * OVERLAY_SHARE)).astype(np.uint8)
    _write(Image.composite(colours, picture, Image.fromarray(strength)), path, "JPEG")


def _write(image: Image.Image, path: Path, kind: str) -> None:
    content = BytesIO()
    image.save(content, kind, quality=JPEG_QUALITY)
    write_whole_bytes(content.getvalue(), path)
