"""Least squares whose coefficients are not negative: a cost never takes time off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TOLERANCE = 1e-10  # of the largest gradient at 0: what is below is rounding
MAX_ROUNDS = 10  # times the number of columns; each round changes the set of one


def nonnegative_least_squares(matrix: Floats, target: Floats) -> Floats:
    """Find the x >= 0 for which matrix @ x comes nearest to the target.

    Args:
        matrix: [rows, columns], of columns of about the same size.
        target: [rows].

    Returns:
        [columns]; exactly 0 where a smaller value would come nearer.

    Source: C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974, ch. 23,
    algorithm NNLS.
    """
    columns = matrix.shape[1]
    found = np.zeros(columns)
    free = np.zeros(columns, bool)
    least = TOLERANCE * float(np.abs(matrix.T @ target).max(initial=0.0))
    for _ in range(MAX_ROUNDS * columns):
        gradient = matrix.T @ (target - matrix @ found)
        gradient[free] = -np.inf
        if free.all() or gradient.max() <= least:
            break
        free[int(gradient.argmax())] = True
        found = _solved(matrix, target, found, free)
    return found


def _solved(matrix: Floats, target: Floats, found: Floats, free: NDArray[np.bool_]) -> Floats:
    """Solve for the free columns, from `found` on; those that reach 0 are free no longer."""
    while free.any():
        wanted = np.zeros_like(found)
        wanted[free] = np.linalg.lstsq(matrix[:, free], target, rcond=None)[0]
        falling = free & (wanted <= 0)
        if not falling.any():
            return wanted
        # As far towards the best as none falls below 0.
        gap = found[falling] - wanted[falling]
        step = float(np.min(np.divide(found[falling], gap, out=np.zeros_like(gap), where=gap > 0)))
        found = found + step * (wanted - found)
        free &= found > TOLERANCE * float(np.abs(found).max(initial=0.0))
        found[~free] = 0.0
    return np.zeros_like(found)
