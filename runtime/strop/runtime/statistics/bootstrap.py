"""Intervals of figures that no formula gives one for, by drawing the images again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from strop.runtime.statistics.intervals import CONFIDENCE, Interval

DRAWS = 1000
SEED = 0  # the same interval for the same images


def bootstrap_interval(
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int
) -> Interval:
    """The 95 % percentile interval of a figure over `n` images.

    Args:
        figure: From weights [draws, n], how often each image was drawn, to its values [draws].
        n: Images, >= 1.

    Source: B. Efron, Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 7
    (1979), 1-26.
    """
    random = np.random.default_rng(SEED)
    weights = random.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)
    beyond = (1 - CONFIDENCE) / 2
    low, high = np.quantile(figure(weights), (beyond, 1 - beyond))
    return Interval(low=float(low), high=float(high))
