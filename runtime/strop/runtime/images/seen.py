"""Which part of a picture a model's input shows, and where a place in one is in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places: TypeAlias = NDArray[np.float64]

Box = tuple[float, float, float, float]  # left, top, right, bottom, in the picture's own pixels


# Not a dataclass, which takes 0.4 ms to make: every first result waits for it.
class Seen(NamedTuple):
    """A picture as a model's input.

    Attributes:
        pixels: uint8 [height, width, channels].
        size: Width and height of the picture, upright, before it was resized.
        box: What of the picture the pixels show; of a picture that is padded it is larger than the
            picture, and begins below 0.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    box: Box


def to_picture(shares: Places, box: Box) -> Places:
    """Find in a picture what is in the input.

    Args:
        shares: float64 [..., 2], x and y in shares of the input's sides, 0 at the left and upper
            edge, 1 at the right and lower one.
        box: Of a `Seen`.

    Returns:
        float64 [..., 2], x and y in the picture's own pixels; the middle of the first one is 0.5.
    """
    left, top, right, bottom = box
    return np.asarray(shares, np.float64) * (right - left, bottom - top) + (left, top)


def to_input(places: Places, box: Box) -> Places:
    """Find in the input what is in a picture: the inverse of `to_picture`."""
    left, top, right, bottom = box
    return (np.asarray(places, np.float64) - (left, top)) / (right - left, bottom - top)
