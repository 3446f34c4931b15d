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
    both, covered = shared_and_covered(some, others)
    found: Floats = both / covered
    return found


def shared_and_covered(some: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return the area that each pair of boxes shares, and the one that both cover, [n, m] each.

    Side by side, without a product over an axis: that takes half the time for a few boxes.
    """
    ours, theirs = some.T[:, :, None], others.T[:, None]
    high = np.minimum(ours[2], theirs[2]) - np.maximum(ours[0], theirs[0])
    wide = np.minimum(ours[3], theirs[3]) - np.maximum(ours[1], theirs[1])
    both: Floats = np.maximum(high, 0) * np.maximum(wide, 0)
    covered: Floats = areas(some)[:, None] + areas(others) - both
    return both, covered


def areas(boxes: Floats) -> Floats:
    """Return the areas of boxes, [n]; 0 of those that end before they begin."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    found: Floats = sides[:, 0] * sides[:, 1]
    return found
