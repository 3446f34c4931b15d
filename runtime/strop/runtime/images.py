"""Turns an image of any kind and size into the pixels that a contract asks for."""

from __future__ import annotations

import os
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from strop.runtime.contract import Contract, ResizeRule
from strop.runtime.errors import ImageError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MAX_PIXELS = 89_478_485  # Pillow's own MAX_IMAGE_PIXELS: 1/4 GiB at 3 bytes a pixel
BACKGROUND = (255, 255, 255)  # white, under whatever an alpha channel lets through

_ORIENTATION = 0x0112  # Source: EXIF 2.32, 4.6.4 A, tag Orientation, values 1 to 8
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's decoders end in any of these on a damaged file.
_DECODE_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
)


def load_image(
    source: str | os.PathLike[str] | Image.Image, contract: Contract
) -> NDArray[np.uint8]:
    """The image as the contract's pixels.

    EXIF orientation is applied; palettes become colours, transparency is laid over
    BACKGROUND, CMYK becomes RGB by Pillow's own formula, 16-bit grey is rounded to 8 bit.
    Embedded colour profiles are not applied.

    Args:
        source: Path of a JPEG, PNG, BMP or WebP, or an open Pillow image.
        contract: Gives size, channels and resize rule.

    Returns:
        uint8 [height, width, channels], RGB or grey (ITU-R 601 luma), 0..255.

    Raises:
        ImageError: Missing, not an image of these formats, damaged, or more than
            MAX_PIXELS or the memory large.
    """
    if isinstance(source, Image.Image):
        return _pixels(source, contract, where="the image given")
    where = str(source)
    try:
        with Image.open(source, formats=FORMATS) as image:
            return _pixels(image, contract, where=where)
    except ImageError:
        raise
    except FileNotFoundError as err:
        raise ImageError(f"{where}: no such file; check the path") from err
    except IsADirectoryError as err:
        raise ImageError(f"{where}: a folder; needed is one image file") from err
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as err:
        found = str(err) or "needs more memory than there is"
        raise ImageError(f"{where}: {found}; scale the image down first") from err
    except UnidentifiedImageError as err:
        raise ImageError(
            f"{where}: not a JPEG, PNG, BMP or WebP, or its header is damaged; convert or remove it"
        ) from err
    except _DECODE_ERRORS as err:
        raise ImageError(f"{where}: cannot be decoded ({err}); replace or remove it") from err


def check_array(array: NDArray[np.uint8], contract: Contract) -> NDArray[np.uint8]:
    """The array as the contract's pixels, by the same resize rule as for files.

    Args:
        array: uint8 [H, W, channels], or [H, W] where the contract is grey; any size.
        contract: Gives size, channels and resize rule.

    Returns:
        uint8 [height, width, channels]; the array itself, not a copy, where the size fits.

    Raises:
        ImageError: Another dtype or shape, or no pixels at all.
    """
    needed = f"uint8 [H, W, {contract.channels}]"
    if array.dtype != np.uint8:
        raise ImageError(
            f"the array given: dtype {array.dtype}, needed is {needed} with values 0..255;"
            " convert it with .astype(numpy.uint8)"
        )
    if array.ndim == 2 and contract.channels == 1:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] != contract.channels or not array.size:
        raise ImageError(
            f"the array given: shape {list(array.shape)}, needed is {needed}: one image, channels"
            " last, no batch"
        )
    if array.shape[:2] == (contract.height, contract.width):
        return array
    plane = array[..., 0] if contract.channels == 1 else array
    return _resized(Image.fromarray(plane), contract)


def _pixels(image: Image.Image, contract: Contract, *, where: str) -> NDArray[np.uint8]:
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ImageError(
            f"{where}: {width} x {height} pixels, at most {MAX_PIXELS} in all are decoded; scale"
            " the image down first"
        )
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
        image = _flat(image, "L" if contract.channels == 1 else "RGB")
    except _DECODE_ERRORS as err:
        raise ImageError(f"{where}: cannot be decoded ({err}); replace or remove it") from err
    if orientation in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[orientation])
    return _resized(image, contract)


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """The image in `mode`, without transparency, 8 bits a channel."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no stated range; convert it to 8 bit")
    if image.mode.startswith("I"):
        # Pillow's own conversion clips at 255 instead of scaling.
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(background, image)
    return image if image.mode == mode else image.convert(mode)


def _resized(image: Image.Image, contract: Contract) -> NDArray[np.uint8]:
    """Resized and cropped, bilinear with antialiasing, as uint8 [height, width, channels]."""
    size = (contract.width, contract.height)
    if contract.resize is ResizeRule.STRETCH:
        image = image.resize(size, Image.Resampling.BILINEAR)
    else:
        box = _crop_box(image.size, contract)
        # Resizing the box alone reads the same source pixels with the same weights as
        # resizing all of the image, and stays small for a 1 x 80,000,000 image.
        image = image.resize(size, Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(image)
    return pixels if contract.channels == 3 else pixels[..., np.newaxis]


def _crop_box(size: tuple[int, int], contract: Contract) -> tuple[float, float, float, float]:
    """The part of the image, in its own pixels, that the resized crop shows.

    Source: torchvision.transforms.Resize and CenterCrop, whose rounding this repeats.
    """
    width, height = size
    fit_width = max(contract.width, round(contract.width / contract.crop_fraction))
    fit_height = max(contract.height, round(contract.height / contract.crop_fraction))
    if width * fit_height <= height * fit_width:
        to_width, to_height = fit_width, max(fit_height, fit_width * height // width)
    else:
        to_width, to_height = max(fit_width, fit_height * width // height), fit_height
    left = round((to_width - contract.width) / 2)
    top = round((to_height - contract.height) / 2)
    x, y = width / to_width, height / to_height
    return (
        left * x,
        top * y,
        min(width, (left + contract.width) * x),
        min(height, (top + contract.height) * y),
    )
