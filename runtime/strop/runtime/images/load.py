"""Turns an image of any kind and size into the pixels that a contract asks for.

An image far larger than the contract's is made smaller in two steps: a JPEG while it is
decoded, from fewer of its DCT coefficients, and any image by averaging whole blocks of pixels;
then comes the resize that other images get alone. A 12-megapixel JPEG so takes a third of the
time and a sixteenth of the memory. The error, against one step: see `load_image`.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ImageError
from strop.runtime.images.flat_image import flat, flat_mode
from strop.runtime.images.seen import Box, Inside, Seen, place_inside, seen_box
from strop.runtime.records.user_files import require_file

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MAX_PIXELS = 89_478_485  # Pillow's own MAX_IMAGE_PIXELS: 1/4 GiB at 3 bytes a pixel
# Above so many decoded pixels one image at a time, whatever the number of threads: of
# MAX_PIXELS, an image and its result have 8 bytes a pixel, 0.7 GB.
LARGE_PIXELS = 16_000_000

# Pixels that the first step leaves for one of the contract's, so that an image below twice as
# many is resized in one step. Measured on photographs, largest error: 2 leaves 14 codes in a
# JPEG, 1 leaves 38 and is hardly faster; averaging leaves 21 at 2, 6 at 3.
DCT_RATIO = 2.0
AVERAGING_RATIO = 3.0
DCT_SCALES = (8, 4, 2)  # Source: libjpeg.txt, scale_num and scale_denom, as Pillow sets them

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
_one_large = threading.Lock()
_SIDES_SWAPPED = (5, 6, 7, 8)
_LEFT_IS_FAR_END = (2, 3, 6, 7)  # upright, the left edge is where the stored rows or columns end
_TOP_IS_FAR_END = (3, 4, 7, 8)
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

    An image with less than 4 pixels for one of the contract's, along both axes, is resized in
    one step, bilinear with antialiasing. A larger one differs from that by at most 14 codes of
    255 and 1.3 in the mean where it is a JPEG file, by 6 and 0.8 otherwise: measured on 500
    photographs (43 and 46 dB). Pillow's own wheels give the same bytes on x86-64 and aarch64.

    Args:
        source: Path of a JPEG, PNG, BMP or WebP, or an open Pillow image; an open one is
            decoded in full.
        contract: Gives size, channels and resize rule.

    Returns:
        uint8 [height, width, channels], RGB or grey (ITU-R 601 luma), 0..255.

    Raises:
        ImageError: Missing, not an image of these formats, damaged, or more than
            MAX_PIXELS or the memory large.
    """
    return load_seen(source, contract).pixels


def load_seen(source: str | os.PathLike[str] | Image.Image, contract: Contract) -> Seen:
    """Load an image as `load_image`, and say which part of it the pixels show.

    Raises:
        ImageError: As `load_image`.
    """
    if isinstance(source, Image.Image):
        return _seen(source, contract, is_ours=False, where="the image given")
    with opened_image(source) as image:
        return _seen(image, contract, is_ours=True, where=str(source))


@contextmanager
def opened_image(source: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open an image file; what goes wrong while it is open is an ImageError that names it."""
    where = str(source)
    require_file(source, error=ImageError, remedy="check the path, needed is an image")
    try:
        with Image.open(source, formats=FORMATS) as image:
            yield image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as err:
        found = str(err) or "needs more memory than there is"
        raise ImageError(f"{where}: {found}; scale the image down first") from err
    except UnidentifiedImageError as err:
        raise ImageError(
            f"{where}: not a JPEG, PNG, BMP or WebP, or its header is damaged; convert or remove it"
        ) from err
    except _DECODE_ERRORS as err:
        raise ImageError(f"{where}: cannot be decoded ({err}); replace or remove it") from err


def upright_picture(source: str | os.PathLike[str]) -> Image.Image:
    """An image file's own pixels, RGB, by its EXIF orientation.

    Raises:
        ImageError: As `load_image`.
    """
    with opened_image(source) as image:
        check_pixels(image, where=str(source))
        orientation = image.getexif().get(_ORIENTATION, 1)
        picture = flat(image, "RGB")
        way = _TRANSPOSE.get(orientation)
        # A copy: the file is about to be closed.
        return picture.copy() if way is None else picture.transpose(way)


def upright_size(source: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of an image file by its EXIF orientation, without decoding most of them.

    Raises:
        ImageError: As `load_image`.
    """
    with opened_image(source) as image:
        width, height = image.size
        is_turned = image.getexif().get(_ORIENTATION, 1) in _SIDES_SWAPPED
        return (height, width) if is_turned else (width, height)


def small_picture(source: str | os.PathLike[str], side: int) -> Image.Image:
    """An image file's pixels, RGB, upright, made smaller by the least whole number.

    Args:
        source: The file.
        side: Most pixels that the longer side shall have.

    Raises:
        ImageError: As `load_image`.
    """
    with opened_image(source) as image:
        check_pixels(image, where=str(source))
        orientation = image.getexif().get(_ORIENTATION, 1)
        times = -(-max(image.size) // side)
        decoded = next((scale for scale in DCT_SCALES if times % scale == 0), 1)
        if decoded > 1:
            image.draft("RGB", (image.width // decoded, image.height // decoded))
        picture = flat(image, "RGB").reduce(max(-(-max(image.size) // side), 1))
        return picture.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else picture


def resize_array(array: NDArray[np.uint8], contract: Contract) -> Seen:
    """An image in memory at the contract's size.

    Args:
        array: uint8 [H, W, channels], the contract's channels, any size.
        contract: Gives size, channels and resize rule.
    """
    plane = array[..., 0] if contract.channels == 1 else array
    image = Image.fromarray(plane)
    box, inside = seen_box(image.size, contract), place_inside(image.size, contract)
    return Seen(pixels=_resized(image, contract, box, inside), size=image.size, box=box)


def _seen(image: Image.Image, contract: Contract, *, is_ours: bool, where: str) -> Seen:
    """The image's pixels; only one that is ours may be decoded smaller, which changes it."""
    check_pixels(image, where=where)
    is_large = _decoded_pixels(image, contract, is_ours=is_ours) > LARGE_PIXELS
    with _one_large if is_large else nullcontext():
        try:
            return _decoded(image, contract, is_ours=is_ours)
        except _DECODE_ERRORS as err:
            raise ImageError(f"{where}: cannot be decoded ({err}); replace or remove it") from err


def check_pixels(image: Image.Image, *, where: str) -> None:
    """Refuse an image that is too large to decode, or empty.

    Raises:
        ImageError: It has more than MAX_PIXELS, or none.
    """
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ImageError(
            f"{where}: {width} x {height} pixels, at most {MAX_PIXELS} in all are decoded; scale"
            " the image down first"
        )


def _decoded(image: Image.Image, contract: Contract, *, is_ours: bool) -> Seen:
    width, height = image.size
    mode = "L" if contract.channels == 1 else "RGB"
    orientation = image.getexif().get(_ORIENTATION, 1)  # decodes a PNG, whose EXIF may be last
    upright = (height, width) if orientation in _SIDES_SWAPPED else (width, height)
    box = seen_box(upright, contract)
    scale = _decode_smaller(image, mode, _ratio(box, contract)) if is_ours else 1.0
    image = flat(image, flat_mode(image, mode))
    if orientation in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[orientation])
    # Sides that the scale does not divide are rounded up: the far end is a part of a pixel.
    left = image.width - upright[0] / scale if orientation in _LEFT_IS_FAR_END else 0.0
    top = image.height - upright[1] / scale if orientation in _TOP_IS_FAR_END else 0.0
    x0, y0, x1, y1 = (side / scale for side in box)
    shown = (left + x0, top + y0, left + x1, top + y1)
    pixels = _resized(image, contract, shown, place_inside(upright, contract))
    return Seen(pixels=pixels, size=upright, box=box)


def _decoded_pixels(image: Image.Image, contract: Contract, *, is_ours: bool) -> int:
    """How many pixels decoding makes."""
    width, height = image.size
    is_jpeg = is_ours and image.format == "JPEG"
    scale = _dct_scale(_ratio(seen_box(image.size, contract), contract)) if is_jpeg else 1
    return width * height // scale**2


def _decode_smaller(image: Image.Image, mode: str, ratio: float) -> float:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 where that leaves DCT_RATIO; the denominator.

    Grey is then taken from the JPEG's own luma, without decoding its colours.
    """
    scale = _dct_scale(ratio)
    if scale == 1:
        return 1.0
    width, height = image.size
    drafted = image.draft(mode, (width // scale, height // scale))  # None but for a JPEG
    return width / drafted[1][2] if drafted else 1.0


def _dct_scale(ratio: float) -> int:
    return next((scale for scale in DCT_SCALES if ratio >= DCT_RATIO * scale), 1)


def _resized(
    image: Image.Image, contract: Contract, box: Box, inside: Inside | None
) -> NDArray[np.uint8]:
    """The box, bilinear with antialiasing, as uint8 [height, width, channels]."""
    size = (contract.width, contract.height)
    if inside is not None:
        image = _padded(image, contract, box, inside)
    else:
        # Resizing the box alone reads the same source pixels with the same weights as
        # resizing all of the image, and stays small for a 1 x 80,000,000 image.
        image = image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=AVERAGING_RATIO)
    # A grey image has the same values in all channels; here there are few pixels.
    if contract.channels == 3 and image.mode != "RGB":
        image = image.convert("RGB")
    pixels = np.asarray(image)
    return pixels if contract.channels == 3 else pixels[..., np.newaxis]


def _padded(image: Image.Image, contract: Contract, box: Box, inside: Inside) -> Image.Image:
    """The image at its place in the input, with the contract's grey around it."""
    left, top, right, bottom = inside
    # A mode other than "L" has three bands: flat_image leaves no other.
    grey = contract.pad_value if image.mode == "L" else (contract.pad_value,) * 3
    whole = Image.new(image.mode, (contract.width, contract.height), grey)
    x = (box[2] - box[0]) / contract.width
    y = (box[3] - box[1]) / contract.height
    part = (
        max(0.0, box[0] + left * x),
        max(0.0, box[1] + top * y),
        min(float(image.width), box[0] + right * x),
        min(float(image.height), box[1] + bottom * y),
    )
    size = (right - left, bottom - top)
    small = image.resize(size, Image.Resampling.BILINEAR, box=part, reducing_gap=AVERAGING_RATIO)
    whole.paste(small, (left, top))
    return whole


def _ratio(box: Box, contract: Contract) -> float:
    """How many pixels of the box become one of the contract's, along the axis with fewer."""
    left, top, right, bottom = box
    return min((right - left) / contract.width, (bottom - top) / contract.height)
