"""Frigate's custom classification: its preprocessing and reading, with LiteRT.

It cuts the object, or the camera's region, out of the RGB frame, stretches it to 224 x 224 with
`cv2.resize`, hands the bytes over as they are, and divides the result by its sum.

Source: github.com/blakeblackshear/frigate, frigate/data_processing/real_time/
    custom_classification.py, `process_frame` of both processors; commit 03d0139
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.litert_bytes import Pixels, results

SIDE = 224  # pixels, a constant in Frigate
NUM_THREADS = 2
# Of OpenCV's fixed-point arithmetic of INTER_LINEAR on bytes.
# Source: github.com/opencv/opencv, modules/imgproc/src/resize.cpp, INTER_RESIZE_COEF_BITS
COEFFICIENT = 1 << 11

Neighbours = tuple[NDArray[np.int64], NDArray[np.int64]]
Weights = tuple[NDArray[np.int32], NDArray[np.int32]]


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """What Frigate takes for probabilities, float32 [N, classes]; NaN where all results are 0."""
    crops = map(frame, images.paths) if images.pixels is None else map(stretched, images.pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = [row / row.sum(axis=0) for row in results(path, crops, num_threads=NUM_THREADS)]
    return np.array(rows, np.float32)


def frame(path: Path) -> Pixels:
    """An image file in place of the crop, stretched."""
    with Image.open(path) as image:
        return stretched(np.asarray(image.convert("RGB")))


def stretched(image: Pixels) -> Pixels:
    """The image at 224 x 224, byte for byte as OpenCV 4's `cv2.resize(image, (224, 224))`.

    Bilinear without antialiasing, the centres of pixels on each other; twice the size is averaged.

    Args:
        image: uint8 [H, W, channels].
    """
    height, width, _ = image.shape
    if (height, width) == (SIDE, SIDE):
        return image
    if (height, width) == (2 * SIDE, 2 * SIDE):
        sums = image.reshape(SIDE, 2, SIDE, 2, -1).sum(axis=(1, 3), dtype=np.int32)
        means: Pixels = ((sums + 2) >> 2).astype(np.uint8)
        return means
    (left, right), (of_left, of_right) = _neighbours(width, outermost_alone=True)
    values = image.astype(np.int32)
    rows = values[:, left] * of_left[:, np.newaxis] + values[:, right] * of_right[:, np.newaxis]
    (upper, lower), weights = _neighbours(height, outermost_alone=False)
    of_upper, of_lower = (weight[:, np.newaxis, np.newaxis] for weight in weights)
    total = (of_upper * (rows[upper] >> 4) >> 16) + (of_lower * (rows[lower] >> 4) >> 16)
    return ((total + 2) >> 2).clip(0, 255).astype(np.uint8)


def _neighbours(length: int, *, outermost_alone: bool) -> tuple[Neighbours, Weights]:
    """Which two pixels of an axis make each of the result's, and their weights.

    Args:
        length: Of the axis, in pixels.
        outermost_alone: Beyond the centre of the outermost pixel it has all the weight, as OpenCV
            has it for columns; for rows it is both neighbours, which can round otherwise.
    """
    places = ((np.arange(SIDE) + 0.5) * (length / SIDE) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int64)
    share = places - first.astype(np.float32)
    if outermost_alone:
        share[(first < 0) | (first >= length - 1)] = 0
    of_first, of_second = (
        np.rint(part * COEFFICIENT).astype(np.int32) for part in (np.float32(1) - share, share)
    )
    last = length - 1
    return (first.clip(0, last), (first + 1).clip(0, last)), (of_first, of_second)
