"""Places the anchors of a detector, and makes the usual rules of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.detection import AnchorMap, BoxCoding, Detection

MIDDLE, CORNER = 0.5, 0.0  # of a cell
CACHED = 4  # detectors that are open at once


@lru_cache(maxsize=CACHED)
def anchors_of(detection: Detection) -> NDArray[np.float64]:
    """List centre and size (y, x, height, width) of each anchor, [N, 4], in shares of the input.

    Those of YOLOX and YOLOV5 stand in the upper left corner of their cells, and those of YOLOV5
    size by size.
    """
    if detection.anchors:
        return np.array(detection.anchors, np.float64)
    is_ssd = detection.coding is BoxCoding.SSD
    found = [_of_map(each, MIDDLE if is_ssd else CORNER) for each in detection.maps]
    if detection.coding is BoxCoding.YOLOV5:
        found = [
            each.reshape(-1, len(one.sizes), 4).swapaxes(0, 1).reshape(-1, 4)
            for each, one in zip(found, detection.maps, strict=True)
        ]
    return np.concatenate(found)


def grid_of(detection: Detection) -> NDArray[np.float64]:
    """List, for each anchor, centre and size as `anchors_of`, then height and width of its cell.

    Returns:
        [N, 6], in shares of the input; [0, 6] where there are no anchors.
    """
    if not detection.maps and not detection.anchors:
        return np.empty((0, 6))
    anchors = anchors_of(detection)
    cells = [
        np.tile((1 / each.rows, 1 / each.columns), (each.anchors, 1)) for each in detection.maps
    ]
    return np.hstack((anchors, np.concatenate(cells) if cells else np.zeros((len(anchors), 2))))


def _of_map(one: AnchorMap, place: float) -> NDArray[np.float64]:
    found = np.empty((one.rows, one.columns, len(one.sizes), 4))
    found[..., 0] = ((np.arange(one.rows) + place) / one.rows)[:, None, None]
    found[..., 1] = ((np.arange(one.columns) + place) / one.columns)[:, None]
    found[..., 2:] = one.sizes
    return found.reshape(-1, 4)


def ssd_maps(
    sides: Sequence[tuple[int, int]],
    *,
    least: float = 0.2,
    most: float = 0.95,
    ratios: Sequence[float] = (1.0, 2.0, 0.5, 3.0, 1 / 3),
    fewer_in_first: bool = True,
) -> tuple[AnchorMap, ...]:
    """Make the anchors of SSD: scales that grow by equal steps from map to map.

    Each map has an anchor for each ratio, and one of ratio 1 between its scale and the next.

    Args:
        sides: Rows and columns of each feature map, the largest first.
        least: Scale of the first map, a share of the input.
        most: Scale of the last map.
        ratios: Width over height.
        fewer_in_first: Whether the first map has three anchors only: a small one, and those of the
            ratios 2 and 1/2.

    Source: tensorflow/models, multiple_grid_anchor_generator.py, create_ssd_anchors.
    """
    steps = max(len(sides) - 1, 1)
    scales = [least + (most - least) * place / steps for place in range(len(sides))] + [1.0]
    found = []
    for place, (rows, columns) in enumerate(sides):
        shapes = [(scales[place], ratio) for ratio in ratios]
        shapes.append((sqrt(scales[place] * scales[place + 1]), 1.0))
        if place == 0 and fewer_in_first:
            shapes = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
        sizes = tuple((scale / sqrt(ratio), scale * sqrt(ratio)) for scale, ratio in shapes)
        found.append(AnchorMap(rows=rows, columns=columns, sizes=sizes))
    return tuple(found)


def grid_maps(height: int, width: int, strides: Sequence[int]) -> tuple[AnchorMap, ...]:
    """Make the grids of YOLOX: one for each stride, whose anchors are its cells."""
    return tuple(_grid(height // stride, width // stride) for stride in strides)


def _grid(rows: int, columns: int) -> AnchorMap:
    return AnchorMap(rows=rows, columns=columns, sizes=((1 / rows, 1 / columns),))


def mediapipe_maps(
    side: int, strides: Sequence[int], *, per_layer: int = 2
) -> tuple[AnchorMap, ...]:
    """Make the anchors of MediaPipe's short-range detectors, all of size 1.

    Strides that follow each other and are equal share one map, as there.

    Source: google-ai-edge/mediapipe, ssd_anchors_calculator.cc, with fixed_anchor_size.
    """

    def maps() -> Iterator[AnchorMap]:
        for stride in dict.fromkeys(strides):
            cells = -(-side // stride)
            sizes = ((1.0, 1.0),) * (per_layer * list(strides).count(stride))
            yield AnchorMap(rows=cells, columns=cells, sizes=sizes)

    return tuple(maps())
