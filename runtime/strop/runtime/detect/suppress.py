"""Leaves one of several boxes around the same thing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strop.runtime.detect.overlap import shared_and_covered

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
        both, covered = shared_and_covered(boxes[first], boxes[left])
        shares_little = both <= iou_threshold * covered
        if per_class:
            shares_little |= classes[first, None] != classes[left]
        is_left = np.ones(len(left), np.bool_)
        for place, others in enumerate(shares_little):
            if is_left[place]:
                chosen.append(int(left[place]))
                is_left &= others
        left = left[BLOCK:][is_left[BLOCK:]]
    return np.array(chosen[:most], np.int64)
