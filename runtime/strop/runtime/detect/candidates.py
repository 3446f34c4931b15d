"""Finds which scores of a detector are high enough, without looking at the others twice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Activation
from strop.runtime.engines.engine import TensorInfo

MOST_CANDIDATES = 1_000  # of a picture; those with the highest scores
NEAREST_TO_ONE = 1 - 1e-7  # a threshold above has no finite logit
SLACK = 1e-4  # of a score, for what is rounded; who is near is looked at exactly
Raw: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidates:
    """Boxes that may be there, the highest score first, of equal ones the first in the output.

    Attributes:
        rows: int64 [n], which box.
        classes: int64 [n], of which class, without the background.
        scores: float64 [n], how likely.
    """

    rows: NDArray[np.int64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]


def real(raw: Raw, info: TensorInfo) -> NDArray[np.float64]:
    """Dequantize some of an output's values; floats stay as they are."""
    wide = raw.astype(np.float64)
    return wide if raw.dtype.kind == "f" else info.scale * (wide - info.zero_point)


def candidates(
    scores: Raw,
    info: TensorInfo,
    *,
    activation: Activation,
    threshold: float,
    background: bool = False,
    objectness: Raw | None = None,
    most: int = MOST_CANDIDATES,
) -> Candidates:
    """Find the pairs of box and class whose probability is at or above the threshold.

    Codes are compared as codes: only those that can be high enough are dequantized and activated.

    Args:
        scores: [N, classes], of the output's dtype.
        info: Of the output.
        activation: SOFTMAX over the classes of a box, SIGMOID or NONE.
        threshold: A probability.
        background: Whether column 0 is the background.
        objectness: [N], multiplies the scores of a box's classes.
        most: Candidates that are kept.
    """
    first = 1 if background else 0
    rows = _likely(scores, info, activation, threshold, first, objectness)
    chosen = scores if rows is None else scores[rows]
    found = _activated(real(chosen, info), activation)[:, first:]
    if objectness is not None:
        own = objectness if rows is None else objectness[rows]
        found = found * _activated(real(own, info), activation)[:, None]
    at, classes = np.nonzero(found >= threshold)
    values = found[at, classes]
    order = _highest(values, most)
    at = at if rows is None else rows[at]
    return Candidates(rows=at[order], classes=classes[order], scores=values[order])


def _likely(
    scores: Raw,
    info: TensorInfo,
    activation: Activation,
    threshold: float,
    first: int,
    objectness: Raw | None,
) -> NDArray[np.int64] | None:
    """Find boxes one of whose classes can be high enough; None for all."""
    if threshold <= 0 or not scores.shape[1]:
        return None
    if objectness is not None:
        # No probability of a class is more than 1.
        return np.flatnonzero(_reaches(objectness, info, _score_at(threshold, activation)))
    best = scores[:, first:].max(axis=1)
    if activation is not Activation.SOFTMAX:
        return np.flatnonzero(_reaches(best, info, _score_at(threshold, activation)))
    # A class so far below the highest, be it the background, has less of the sum.
    highest = np.maximum(best, scores[:, 0]) if first else best
    behind = real(highest, info) - real(best, info)
    return np.flatnonzero(behind <= SLACK - math.log(min(threshold, NEAREST_TO_ONE)))


def _reaches(values: Raw, info: TensorInfo, limit: float) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        found: NDArray[np.bool_] = values >= limit - SLACK
        return found
    code = math.floor(info.zero_point + limit / info.scale - SLACK)
    limits = np.iinfo(values.dtype)
    if code > limits.max:
        return np.zeros(values.shape, np.bool_)
    at_least: NDArray[np.bool_] = values >= max(code, int(limits.min))
    return at_least


def _score_at(threshold: float, activation: Activation) -> float:
    """Return the score whose activation is the threshold."""
    if activation is Activation.NONE:
        return threshold
    share = min(threshold, NEAREST_TO_ONE)
    return math.log(share / (1 - share))


def _activated(values: NDArray[np.float64], activation: Activation) -> NDArray[np.float64]:
    if activation is Activation.SIGMOID:
        sigmoid: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(values, -700, 700)))
        return sigmoid
    if activation is Activation.SOFTMAX:
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
        return shares
    return values


def _highest(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return the places of the highest values, of equal ones the first."""
    if len(values) <= most:
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - most)[len(values) - most]
    above = np.flatnonzero(values > least)
    equal = np.flatnonzero(values == least)[: most - len(above)]
    places = np.sort(np.concatenate((above, equal)))
    order: NDArray[np.int64] = places[np.argsort(-values[places], kind="stable")]
    return order
