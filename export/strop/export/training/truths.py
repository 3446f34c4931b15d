"""What a network shall give for the pictures of a batch, moved as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from strop.export.training.moves import Moves

Answers = NDArray[np.float32]
Chosen = NDArray[np.intp]


class Truth(Protocol):
    """What one head shall give."""

    def batch(self, chosen: Chosen, moves: Moves | None) -> tuple[NDArray[Any], ...]:
        """Make what each output of the head shall give for some pictures.

        Args:
            chosen: Their places.
            moves: How they are moved; None where they are not.
        """


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """Answers that stay the same when a picture is moved.

    Attributes:
        values: float32 [N, width]: 1 for the class or the labels of a picture and 0 for others, or
            standardized numbers.
    """

    values: Answers

    def batch(self, chosen: Chosen, moves: Moves | None) -> tuple[NDArray[Any], ...]:
        """Return the rows of the pictures."""
        return (self.values[chosen],)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Points:
    """Points of each picture.

    Attributes:
        shares: float64 [N, 2K]: x, y of each point in shares of the input; NaN of one that is not
            there.
        mean: Of each number, over the pictures that are learned from.
        spread: Standard deviation of each number, over the same.
    """

    shares: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    def batch(self, chosen: Chosen, moves: Moves | None) -> tuple[NDArray[Any], ...]:
        """Return the points as distances from the mean, in spreads; NaN stays."""
        shares = self.shares[chosen]
        if moves is not None:
            moved = moves.points(shares[:, 0::2], shares[:, 1::2])
            shares = np.stack(moved, axis=-1).reshape(shares.shape)
        return (((shares - self.mean) / self.spread).astype(np.float32),)

    def mean_error(self, outputs: Answers) -> float:
        """Return the mean distance from what is true, in spreads, of the numbers that are there.

        Args:
            outputs: Of the network, in spreads from the mean, for all pictures.
        """
        true = (self.shares - self.mean) / self.spread
        return float(np.nanmean(np.abs(outputs.astype(np.float64) - true)))


def point_distances(
    found: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Measure how far points [N, 2K] of x, y are from others, [N, K]; NaN of one that is not there.

    The distance is the root of the squares of its shares of the input's width and height.
    """
    apart = (np.asarray(found, np.float64) - true).reshape(len(true), -1, 2)
    distances: NDArray[np.float64] = np.sqrt(np.square(apart).sum(axis=-1))
    return distances
