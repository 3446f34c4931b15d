"""Writes the classes of an image's pixels: as a mask, and as colours over the picture."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.images.load import small_picture
from strop.runtime.images.masks import PALETTE
from strop.runtime.records.user_files import write_whole_bytes

NEAREST = Image.Resampling.NEAREST
JPEG_QUALITY = 90
OVERLAY_SIDE = 1024  # of 12 megapixels the JPEG is decoded at a quarter of its sides
OVERLAY_SHARE = 0.6  # of the colour of a class; of class 0 and of what is unseen nothing
STRENGTHS = [0, *[round(255 * OVERLAY_SHARE)] * (UNSEEN - 1), 0]
FASTEST = 1  # of zlib's levels: a map of 12 megapixels takes a quarter of the usual level's time


def write_mask(answer: MapAnswer, path: Path) -> None:
    """Write classes by the image's own pixels, as a PNG whose pixels are the classes.

    Raises:
        OutputError: The file cannot be written.
    """
    left, top, right, bottom = answer.box
    image = _palette_image(answer.classes).resize((right - left, bottom - top), NEAREST)
    if image.size != answer.size:
        whole = Image.new("P", answer.size, UNSEEN)
        whole.paste(image, (left, top))
        image = whole
    image.putpalette(PALETTE)
    _write(image, path, "PNG", compress_level=FASTEST)


def write_overlay(image: str | os.PathLike[str], answer: MapAnswer, path: Path) -> None:
    """Write a picture with the colours of its classes, class 0 as it is, as JPEG.

    The picture is made smaller by a whole number, so that its longer side has at most OVERLAY_SIDE
    pixels.

    Args:
        image: The picture's file.
        answer: What the model says of it.
        path: Where to write it.

    Raises:
        ImageError: As `load_image`.
        OutputError: The file cannot be written.
    """
    _write(overlay(image, answer), path, "JPEG", quality=JPEG_QUALITY)


def overlay(image: str | os.PathLike[str], answer: MapAnswer) -> Image.Image:
    """Return what `write_overlay` writes."""
    return laid_over(small_picture(image, OVERLAY_SIDE), answer)


def laid_over(picture: Image.Image, answer: MapAnswer) -> Image.Image:
    """Lay the colours of classes over an RGB picture of any scale; the picture is changed."""
    scale = picture.width / answer.size[0], picture.height / answer.size[1]
    left, top, right, bottom = (
        round(side * scale[place % 2]) for place, side in enumerate(answer.box)
    )
    size = (max(right - left, 1), max(bottom - top, 1))
    classes = _palette_image(answer.classes).resize(size, NEAREST)
    strength = Image.fromarray(answer.classes).point(STRENGTHS).resize(size, NEAREST)
    picture.paste(classes.convert("RGB"), (left, top), strength)
    return picture


def _palette_image(classes: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(classes)
    image.putpalette(PALETTE)
    return image


def _write(image: Image.Image, path: Path, kind: str, **settings: int) -> None:
    content = BytesIO()
    image.save(content, kind, **settings)
    write_whole_bytes(content.getvalue(), path)
