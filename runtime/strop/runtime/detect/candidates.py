"""Finds which scores of a detector are high enough, without looking at the others twice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Activation
from strop.runtime.engines.engine import TensorInfo

MOST_CANDIDATES = 1_000  # of a picture; those with the highest scores
NEAREST_TO_ZERO, NEAREST_TO_ONE = 1e-300, 1 - 1e-7  # a threshold beyond has no finite logit
SLACK = 1e-4  # of a score, for what is rounded; who is near is looked at exactly
MOST_STEPS = 1 << 16  # above any difference of codes
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


NOTHING = Candidates(
    rows=np.empty(0, np.int64), classes=np.empty(0, np.int64), scores=np.empty(0, np.float64)
)


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
    rows = None
    if activation is not Activation.SOFTMAX and objectness is None:
        at, classes = _places(_reaches(scores, info, _score_at(threshold, activation)), first)
        values = _activated(scores[at, classes + first], info, activation)
        found = _reaching(threshold, at, classes, values)
    else:
        rows = _likely(scores, info, activation, threshold, first, objectness)
        if rows is not None:
            if not len(rows):
                return NOTHING
            scores = scores[rows]
            objectness = None if objectness is None else objectness[rows]
        if objectness is None:
            found = _of_softmax(scores, info, threshold, first)
        else:
            found = _of_objects(scores, objectness, info, activation, threshold, first)
    order = _highest(found.scores, most)
    at = found.rows[order]
    return Candidates(
        rows=at if rows is None else rows[at],
        classes=found.classes[order],
        scores=found.scores[order],
    )


def _of_softmax(scores: Raw, info: TensorInfo, threshold: float, first: int) -> Candidates:
    """Divide only those that are high enough, by what the comparison may have rounded."""
    powers = _powers(scores, info)
    sums = powers.sum(axis=1)
    least = sums * (threshold * (1 - SLACK))
    at, classes = _places(powers[:, first:] >= least[:, None], 0)
    return _reaching(threshold, at, classes, powers[at, classes + first] / sums[at])


def _of_objects(
    scores: Raw,
    objectness: Raw,
    info: TensorInfo,
    activation: Activation,
    threshold: float,
    first: int,
) -> Candidates:
    """Multiply the classes of a box by the probability that there is anything."""
    found = _activated(scores, info, activation)[:, first:]
    found = found * _activated(objectness, info, activation)[:, None]
    at, classes = _places(found >= threshold, 0)
    return Candidates(rows=at, classes=classes, scores=found[at, classes])


def _reaching(
    threshold: float,
    at: NDArray[np.int64],
    classes: NDArray[np.int64],
    values: NDArray[np.float64],
) -> Candidates:
    """Leave out what reaches the threshold within the slack only."""
    if len(values) and values.min() < threshold:
        is_high = values >= threshold
        at, classes, values = at[is_high], classes[is_high], values[is_high]
    return Candidates(rows=at, classes=classes, scores=values)


def _places(is_high: NDArray[np.bool_], first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List row and column of what is true, row by row, the first columns left out.

    A flat search takes a tenth of that of a matrix, in whose memory's order it is.
    """
    rows, columns = is_high.shape
    if is_high.flags.c_contiguous:
        at, classes = np.divmod(np.flatnonzero(is_high), columns)
    else:
        classes, at = np.divmod(np.flatnonzero(is_high.T), rows)
        order = np.lexsort((classes, at))
        at, classes = at[order], classes[order]
    if not first:
        return at, classes
    is_class = classes >= first
    return at[is_class], classes[is_class] - first


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
    if not first:
        return None
    is_high = scores[:, 1:] >= _above_background(scores[:, 0], info, threshold)[:, None]
    return np.flatnonzero(is_high.any(axis=1))


def _above_background(background: Raw, info: TensorInfo, threshold: float) -> Raw:
    """Return what a class's score must reach beside the background's, though others take more.

    Its share is at most that among the two: 1 / (1 + e to the difference).
    """
    ahead = _score_at(threshold, Activation.SOFTMAX)
    if background.dtype.kind == "f":
        limits: Raw = background + (ahead - SLACK)
        return limits
    steps = math.ceil(max(min(ahead / info.scale - SLACK, MOST_STEPS), -MOST_STEPS))
    if background.dtype.itemsize == 1:
        found: Raw = _codes_ahead(steps, background.dtype.char)[background.view(np.uint8)]
        return found
    codes = np.iinfo(background.dtype)
    wide = background.astype(np.int32) + steps
    return wide.clip(int(codes.min), int(codes.max)).astype(background.dtype)


@lru_cache(maxsize=16)
def _codes_ahead(steps: int, dtype: str) -> Raw:
    """Return the code that is so many steps above each code, by its unsigned byte."""
    codes = np.arange(256, dtype=np.uint8).view(dtype)
    limits = np.iinfo(codes.dtype)
    wide = codes.astype(np.int32) + steps
    return wide.clip(int(limits.min), int(limits.max)).astype(dtype)


@lru_cache(maxsize=16)
def _code_powers(scale: float) -> NDArray[np.float64]:
    """Return e to minus 0 to 255 steps."""
    return np.exp(-scale * np.arange(256.0))


def _reaches(values: Raw, info: TensorInfo, limit: float) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        found: NDArray[np.bool_] = values >= limit - SLACK
        return found
    code = math.ceil(info.zero_point + limit / info.scale - SLACK)
    limits = np.iinfo(values.dtype)
    if code > limits.max:
        return np.zeros(values.shape, np.bool_)
    at_least: NDArray[np.bool_] = values >= max(code, int(limits.min))
    return at_least


def _score_at(threshold: float, activation: Activation) -> float:
    """Return the score whose activation is the threshold."""
    if activation is Activation.NONE:
        return threshold
    share = min(max(threshold, NEAREST_TO_ZERO), NEAREST_TO_ONE)
    return math.log(share / (1 - share))


def _activated(raw: Raw, info: TensorInfo, activation: Activation) -> NDArray[np.float64]:
    if activation is Activation.SOFTMAX:
        powers = _powers(raw, info)
        shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
        return shares
    values = real(raw, info)
    if activation is Activation.SIGMOID:
        sigmoid: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(values, -700, 700)))
        return sigmoid
    return values


def _powers(raw: Raw, info: TensorInfo) -> NDArray[np.float64]:
    """Return e to what each score is behind the highest of its row."""
    highest = raw.max(axis=-1, keepdims=True)
    if raw.dtype.itemsize > 1:
        of_scores: NDArray[np.float64] = np.exp(real(raw, info) - real(highest, info))
        return of_scores
    # Differences of bytes are right without a wider type: they are 0 to 255.
    behind = np.subtract(highest.view(np.uint8), np.ascontiguousarray(raw).view(np.uint8))
    of_codes: NDArray[np.float64] = _code_powers(info.scale)[behind]
    return of_codes


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
