"""Says which scores of an artifact golden vectors have: of a map those of some pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classify.decision import Decision
from strop.runtime.classify.map_rule import map_classes, spread_pixels

MOST_PIXELS = 1024  # of a map, evenly spread: 172 kB for four images with 21 classes


def golden_columns(decisions: Sequence[Decision]) -> NDArray[np.intp]:
    """Return the places of the scores in a row of all outputs: all, but for maps.

    Args:
        decisions: Of each output.
    """
    found, first = [], 0
    for decision in decisions:
        columns = np.arange(decision.scores)
        if decision.is_map:
            of_pixels = columns.reshape(-1, map_classes(decision.shape))
            columns = of_pixels[spread_pixels(decision.shape, MOST_PIXELS)].reshape(-1)
        found.append(first + columns)
        first += decision.scores
    return np.concatenate(found)


def golden_decision(decision: Decision) -> Decision:
    """Return the rule of those scores: of a map with as many pixels as are kept."""
    if not decision.is_map:
        return decision
    pixels, classes = len(spread_pixels(decision.shape, MOST_PIXELS)), map_classes(decision.shape)
    return replace(decision, scores=pixels * classes, shape=(1, pixels, classes))
