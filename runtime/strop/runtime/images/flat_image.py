"""Converts any Pillow mode to 8 bits per channel without transparency, in little memory.

Pillow keeps three channels in four bytes, and each step of a conversion makes an image of
its own: for 89 million pixels these are 1.6 GB. A few rows at a time, only the image itself
and the result are large.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

BACKGROUND = (255, 255, 255)  # white, under whatever an alpha channel lets through
STRIP_PIXELS = 1 << 20
GREY = ("1", "L", "LA", "La")


def flat_mode(image: Image.Image, wanted: str) -> str:
    """The mode that `flat` makes: "L" for a grey image, which is a quarter of its colours."""
    is_grey = image.mode in GREY or image.mode.startswith("I")
    return "L" if is_grey else wanted


def flat(image: Image.Image, mode: str) -> Image.Image:
    """The image in "L" or "RGB", 8 bits per channel, laid over BACKGROUND.

    Args:
        image: Of any mode but "F"; it is decoded, and returned if there is nothing to do.
        mode: "L" or "RGB".

    Raises:
        ValueError: The pixels are floats, whose range is not stated.
        OSError, and others of Pillow's: The file is damaged.
    """
    if image.mode == "F":
        raise ValueError("floating-point pixels have no stated range; convert it to 8 bit")
    image.load()
    if image.mode == mode and "transparency" not in image.info:
        return image
    result = Image.new(mode, image.size)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(_flat_strip(strip, mode), (0, top))
    return result


def _flat_strip(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow's own conversion clips at 255 instead of scaling.
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(background, image)
    return image if image.mode == mode else image.convert(mode)
