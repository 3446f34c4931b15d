"""Run a model that resizes by itself on whole image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from strop.export.ir.graph import Array
from strop.export.source.input_layers import InputResize
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.errors import ImageError
from strop.runtime.images.load import load_image

ORIENTATION = 0x0112  # Source: EXIF 2.32, 4.6.4 A, tag Orientation
SIDES_SWAPPED = (5, 6, 7, 8)


def whole_scores(resize: InputResize, paths: Sequence[Path], channels: int) -> Array:
    """The model's own output for each file, at the file's own size.

    Args:
        resize: Has the whole model.
        paths: Image files.
        channels: 3 (RGB) or 1 (grey).

    Returns:
        float32 [N, classes].

    Raises:
        ImageError: A file cannot be read.
    """
    images = (load_image(path, _own_size(path, channels)) for path in paths)
    rows = [resize.whole(tf.cast(image[None], tf.float32)).numpy() for image in images]
    return np.concatenate(rows)


def _own_size(path: Path, channels: int) -> Contract:
    """A contract that leaves the image as large as it is."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_turned = image.getexif().get(ORIENTATION, 1) in SIDES_SWAPPED
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as err:
        raise ImageError(f"{path}: cannot be decoded ({err}); replace or remove it") from err
    if is_turned:
        width, height = height, width
    return Contract(height=height, width=width, channels=channels, resize=ResizeRule.STRETCH)
