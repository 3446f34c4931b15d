"""Measures how far a file's scores and probabilities are from the float model's, for classes.

The answer of a classifier is its highest score, and a file can keep every answer with scores that
are others than float's. Whoever thresholds scores, or reads them as probabilities, needs more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.export.certify.certificate import ScoreFigures
from strop.export.ir.graph import Array
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import Decision

# Of confidences between 0 and 1. Source: C. Guo et al., On Calibration of Modern Neural Networks,
# ICML 2017, section 4, "15 bins".
BINS = 15
ROUNDING = 1e-3  # of the sum of a softmax's results, in float16 as well
SMALLEST = float(np.finfo(np.float32).tiny)  # a probability in float32 that is not 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRows:
    """What the figures need of each of N images, float64 [N].

    Attributes:
        noise: Mean squared difference from float's scores, each less its mean over the classes:
            what all scores have in common changes no probability.
        power: Mean square of float's scores, less their mean.
        divergence: Of the probabilities from float's, in nats.
        confidence: The file's highest probability.
        float_confidence: Float's.
    """

    noise: NDArray[np.float64]
    power: NDArray[np.float64]
    divergence: NDArray[np.float64]
    confidence: NDArray[np.float64]
    float_confidence: NDArray[np.float64]


def score_rows(reference: Array, found: Array, decision: Decision) -> ScoreRows | None:
    """Compare the scores of the same images.

    Args:
        reference: float [N, classes], as the float model gives them.
        found: As the file gives them.
        decision: What the file's scores are. Where nothing is left to apply to them, they are
            what the float model gives.

    Returns:
        None of other tasks than CLASSIFY, and of probabilities in int8: most of them are 0.
    """
    if decision.task is not Task.CLASSIFY:
        return None
    is_behind = _are_probabilities(reference)
    also = is_behind and decision.activation is Activation.NONE
    if also and not _are_probabilities(found):
        return None
    before, after = _logarithms(reference, is_behind), _logarithms(found, also)
    centred = [each - each.mean(axis=1, keepdims=True) for each in (before, after)]
    return ScoreRows(
        noise=np.square(centred[1] - centred[0]).mean(axis=1),
        power=np.square(centred[0]).mean(axis=1),
        divergence=(np.exp(before) * (before - after)).sum(axis=1),
        confidence=np.exp(after.max(axis=1)),
        float_confidence=np.exp(before.max(axis=1)),
    )


def _are_probabilities(scores: Array) -> bool:
    """Whether scores have been through a softmax: each row adds up to 1."""
    is_one = np.abs(scores.sum(axis=1, dtype=np.float64) - 1) < ROUNDING
    return bool(is_one.all() and (scores >= 0).all())


def _logarithms(scores: Array, are_probabilities: bool) -> NDArray[np.float64]:
    """Return logarithms of probabilities, float64 [N, classes]."""
    wide: NDArray[np.float64] = scores.astype(np.float64)
    if are_probabilities:
        return np.log(np.maximum(wide, SMALLEST))
    below = wide - wide.max(axis=1, keepdims=True)
    logarithms: NDArray[np.float64] = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return logarithms


def score_figures(
    parts: Sequence[ScoreRows | None],
    is_right: NDArray[np.bool_] | None,
    float_is_right: NDArray[np.bool_] | None,
) -> ScoreFigures | None:
    """Sum up over all images.

    Args:
        parts: Of consecutive batches.
        is_right: [N], whether the file's answers are; None where that is unknown.
        float_is_right: Likewise of float's.

    Returns:
        None where a part has nothing to compare.
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None

    def joined(each: Callable[[ScoreRows], NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.concatenate([each(part) for part in known])

    def error(confidence: NDArray[np.float64], right: NDArray[np.bool_] | None) -> float | None:
        return None if right is None else calibration_error(confidence, right)

    noise = max(float(joined(lambda part: part.noise).mean()), SMALLEST)
    power = max(float(joined(lambda part: part.power).mean()), SMALLEST)
    return ScoreFigures(
        signal_to_noise_db=10 * math.log10(power / noise),
        divergence=max(float(joined(lambda part: part.divergence).mean()), 0.0),
        calibration_error=error(joined(lambda part: part.confidence), is_right),
        float_calibration_error=error(joined(lambda part: part.float_confidence), float_is_right),
    )


def calibration_error(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """Return how far confidence and share of right answers are apart, 0..1 (ECE).

    Args:
        confidence: [N], probability of the answer, 0..1.
        is_right: [N], whether the answer is right.

    Source: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    places = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(places, is_right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(confidence))
