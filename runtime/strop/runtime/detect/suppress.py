"""Leaves one of several boxes around the same thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32  # boxes that are compared with all that are left at once
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
    left = np.arange(len(boxes))
    if len(boxes) <= 1:
        return left
    chosen: list[int] = []
    while len(left) and len(chosen) < most:
        first = left[:BLOCK]
        shares_little = _shares_little(boxes[first], boxes[left], iou_threshold)
        if per_class:
            shares_little |= classes[first, None] != classes[left]
        is_left = np.ones(len(left), np.bool_)
        for place, others in enumerate(shares_little):
            if is_left[place]:
                chosen.append(int(left[place]))
                is_left &= others
        left = left[BLOCK:][is_left[BLOCK:]]
    return np.array(chosen[:most], np.int64)


def _shares_little(some: Boxes, others: Boxes, limit: float) -> NDArray[np.bool_]:
    """Say of each pair whether it shares at most a part of what both cover, [n, m]."""
    ours, theirs = some.T[:, :, None], others.T[:, None]
    high = np.minimum(ours[2], theirs[2]) - np.maximum(ours[0], theirs[0])
    wide = np.minimum(ours[3], theirs[3]) - np.maximum(ours[1], theirs[1])
    both = np.maximum(high, 0) * np.maximum(wide, 0)
    both_cover = _areas(some)[:, None] + _areas(others) - both
    found: NDArray[np.bool_] = both <= limit * both_cover
    return found


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    found: NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return found
