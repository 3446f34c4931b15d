"""Makes boxes of a detector's numbers, each coding by its formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.detection import (
    CORNERS,
    BoxCoding,
    BoxOrder,
    BoxUnit,
    Detection,
)

HIGHEST_POWER = 10.0  # a box that is 22,000 times its anchor covers any picture
X_FIRST = (BoxOrder.XYWH, BoxOrder.XYXY)
Floats = NDArray[np.float64]


def decode(numbers: Floats, grid: Floats, detection: Detection, *, size: tuple[int, int]) -> Floats:
    """Make boxes of the numbers of some of an output's rows.

    Args:
        numbers: [n, 4], dequantized.
        grid: [n, 6], their rows of `grid_of`; not read where there are no anchors.
        detection: Says what the numbers mean.
        size: Height and width of the model's input in pixels.

    Returns:
        [n, 4]: top, left, bottom and right in shares of the input, not cut off at its sides.
    """
    if detection.coding is BoxCoding.SSD:
        numbers = numbers / np.array(detection.variances)
    if detection.order in X_FIRST:
        numbers = numbers[:, (1, 0, 3, 2)]
    if detection.coding is BoxCoding.SSD or detection.coding is BoxCoding.YOLOX:
        return _of_anchors(numbers, grid, detection.exponential)
    if detection.coding is BoxCoding.YOLOV5:
        return _of_sigmoids(numbers, grid)
    if detection.unit is BoxUnit.PIXELS:
        numbers = numbers / np.array(size * 2)
    return numbers if detection.order in CORNERS else _around(numbers[:, :2], numbers[:, 2:])


def decode_centres(
    sizes: Floats,
    offsets: Floats,
    cells: NDArray[np.int64],
    shape: tuple[int, int],
    detection: Detection,
    *,
    size: tuple[int, int],
) -> Floats:
    """Make boxes around peaks of a heat map.

    Args:
        sizes: [n, 2], dequantized.
        offsets: [n, 2], in cells.
        cells: [n], which cells of the map, row by row.
        shape: Rows and columns of the map.
        detection: Says what they mean.
        size: Height and width of the model's input in pixels.

    Returns:
        As `decode`.

    Source: https://arxiv.org/abs/1904.07850, section 4, from points to bounding boxes.
    """
    if detection.order in X_FIRST:
        sizes, offsets = sizes[:, ::-1], offsets[:, ::-1]
    unit = {BoxUnit.CELLS: shape, BoxUnit.PIXELS: size, BoxUnit.SHARES: (1, 1)}[detection.unit]
    places = np.stack(np.divmod(cells, shape[1]), axis=1)
    return _around((places + offsets) / np.array(shape), sizes / np.array(unit))


def _of_anchors(numbers: Floats, grid: Floats, is_exponential: bool) -> Floats:
    """Source: https://arxiv.org/abs/1512.02325, equation 2; https://arxiv.org/abs/2107.08430."""
    sizes = np.exp(np.minimum(numbers[:, 2:], HIGHEST_POWER)) if is_exponential else numbers[:, 2:]
    anchors = grid[:, 2:4]
    return _around(numbers[:, :2] * anchors + grid[:, :2], sizes * anchors)


def _of_sigmoids(numbers: Floats, grid: Floats) -> Floats:
    """Source: ultralytics/yolov5, models/yolo.py, Detect.forward."""
    shares = 1 / (1 + np.exp(-np.clip(numbers, -700, 700)))
    centres = (shares[:, :2] * 2 - 0.5) * grid[:, 4:] + grid[:, :2]
    return _around(centres, (shares[:, 2:] * 2) ** 2 * grid[:, 2:4])


def _around(centres: Floats, sizes: Floats) -> Floats:
    found, half = np.empty((len(centres), 4)), sizes / 2
    np.subtract(centres, half, out=found[:, :2])
    np.add(centres, half, out=found[:, 2:])
    return found
