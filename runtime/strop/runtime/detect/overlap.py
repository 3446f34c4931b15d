"""What boxes share with others: intersection over union."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def overlaps(some: Floats, others: Floats) -> Floats:
    """Return what each pair of boxes shares over what both cover, [n, m]; one has to have an area.

    Args:
        some: [n, 4]: top, left, bottom, right.
        others: [m, 4].
    """
    low = np.maximum(some[:, np.newaxis, :2], others[:, :2])
    high = np.minimum(some[:, np.newaxis, 2:], others[:, 2:])
    shared = (high - low).clip(0).prod(axis=-1)
    found: Floats = shared / (areas(some)[:, np.newaxis] + areas(others) - shared)
    return found


def areas(boxes: Floats) -> Floats:
    """Return the areas of boxes, [n]; 0 of those that end before they begin."""
    found: Floats = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=-1)
    return found
