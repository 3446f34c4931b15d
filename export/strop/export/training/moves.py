"""Mirrors and shifts the pictures of a batch, and what is known of them alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHIFT_SHARE = 12  # of the side, at most one of so many

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moves:
    """How each picture of a batch is moved: shifted, and after that mirrored or not.

    Attributes:
        down: Pixels, of each picture.
        right: Pixels, of each picture.
        mirrored: Whether left becomes right, of each picture.
        sides: Height and width of the pictures in pixels.
    """

    down: NDArray[np.int64]
    right: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    sides: tuple[int, int]

    def of(self, place: int) -> Moves:
        """Return how one of the pictures is moved."""
        only = slice(place, place + 1)
        return Moves(
            down=self.down[only],
            right=self.right[only],
            mirrored=self.mirrored[only],
            sides=self.sides,
        )

    def points(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Move points [N, ...] of the pictures, in shares of their width and height."""
        height, width = self.sides
        per_picture = (-1, *(1,) * (x.ndim - 1))
        x = x + self.right.reshape(per_picture) / width
        y = y + self.down.reshape(per_picture) / height
        return np.where(self.mirrored.reshape(per_picture), 1 - x, x), y

    def pictures(self, batch: NDArray[np.uint8]) -> None:
        """Move pictures or maps [N, H, W, ...] in place; what comes in at an edge repeats it."""
        height, width = self.sides
        for number, (dy, dx, mirror) in enumerate(
            zip(self.down, self.right, self.mirrored, strict=True)
        ):
            from_rows = np.clip(np.arange(height) - dy, 0, height - 1)
            from_columns = np.clip(np.arange(width) - dx, 0, width - 1)
            if mirror:
                from_columns = from_columns[::-1]
            batch[number] = batch[number][from_rows[:, np.newaxis], from_columns]


def draw_moves(
    count: int, sides: tuple[int, int], draw: np.random.Generator, *, mirrors: bool
) -> Moves:
    """Draw how each of some pictures is moved.

    Args:
        count: Of the pictures.
        sides: Their height and width in pixels.
        draw: Where the numbers come from.
        mirrors: Whether half of them are mirrored.
    """
    rows, columns = (side // SHIFT_SHARE for side in sides)
    down = draw.integers(-rows, rows + 1, count)
    right = draw.integers(-columns, columns + 1, count)
    mirrored = draw.random(count) < 0.5
    return Moves(down=down, right=right, mirrored=mirrored & mirrors, sides=sides)
