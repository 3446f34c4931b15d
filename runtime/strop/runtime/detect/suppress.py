"""Leaves one of several boxes around the same thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]  # [n, 4]: top, left, bottom, right


def suppress(
    boxes: Boxes,
    classes: NDArray[np.int64],
    *,
    iou_threshold: float,
    most: int,
    per_class: bool,
) -> NDArray[np.int64]:
    """Choose boxes, each of which shares little with all that were chosen before.

    Args:
        boxes: [n, 4], those with the highest scores first.
        classes: [n].
        iou_threshold: What is shared with one of them, over what both cover, at most.
        most: Boxes that are chosen.
        per_class: Whether boxes of different classes may share any area.

    Returns:
        Their places, in order.
    """
    areas = _areas(boxes)
    is_left = np.ones(len(boxes), np.bool_)
    chosen: list[int] = []
    for place in range(len(boxes)):
        if not is_left[place]:
            continue
        chosen.append(place)
        if len(chosen) == most:
            break
        after = slice(place + 1, None)
        falls = shares(boxes[place], boxes[after], areas[place], areas[after]) > iou_threshold
        if per_class:
            falls &= classes[after] == classes[place]
        is_left[after] &= ~falls
    return np.array(chosen, np.int64)


def shares(
    one: NDArray[np.float64], others: Boxes, area: float, areas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a box shares with each of others over what both cover; 0 of no area."""
    ends = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    both = ends.clip(0).prod(axis=1)
    covered = area + areas - both
    found: NDArray[np.float64] = np.divide(
        both, covered, out=np.zeros(len(others)), where=covered > 0
    )
    return found


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    return found
