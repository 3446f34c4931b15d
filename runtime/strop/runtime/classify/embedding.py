"""Compares embeddings: angles to a reference's, nearest neighbours, and pairs of classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classify.regression_error import beyond
from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.intervals import CONFIDENCE, Interval
from strop.runtime.statistics.student import student_quantile

Vectors = NDArray[np.float64]
"""One unit vector per image: [N, numbers]."""

MIN_IMAGES = 3  # with two, each is the other's nearest in any file
PERCENTILE = 1  # of the cosines; the worst one alone depends on how many images there are
BLOCK = 1024  # images whose cosines to all others are in memory at once
MAX_PAIRED = 2000  # images; their pairs take 32 MB
MIN_CLASSES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Whether two images are of one class, judged by their cosine, over all pairs.

    A pair is taken for one class where its cosine is at or above the threshold. Pairs of one
    class and pairs of two count alike: accuracy is the mean of both shares that are judged right.

    Attributes:
        threshold: The cosine, -1..1, at which the reference is most often right.
        accuracy: Of the artifact, at the reference's threshold.
        reference_accuracy: Of the reference.
        drop: `reference_accuracy` less `accuracy`.
        drop_interval: 95 % interval of it: a jackknife over the images, since the pairs of one
            image are not independent.

    Source of the interval: B. Efron and C. Stein, The Jackknife Estimate of Variance, Annals of
    Statistics 9 (1981), 586-596.
    """

    threshold: float
    accuracy: float
    reference_accuracy: float
    drop: float
    drop_interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingError:
    """The vectors of an artifact beside a reference's, over the same images.

    Attributes:
        cosine_median: Median over the images of the cosine of the angle between both vectors.
        cosine_low: Its 1st percentile.
        cosine_worst: Its least.
        beyond: With 95 % confidence, at most this share of such images is below the worst.
        verification: Of pairs of images; None where their classes are unknown, or are one.
    """

    cosine_median: float
    cosine_low: float
    cosine_worst: float
    beyond: float
    verification: Verification | None = None


def nearest(vectors: Vectors) -> NDArray[np.int64]:
    """Find each image's nearest other image: [N, 1]; of equally near ones the first.

    Raises:
        MeasurementError: Fewer than three images.
    """
    if len(vectors) < MIN_IMAGES:
        raise MeasurementError(
            f"{len(vectors)} images for the neighbours of an embedding; needed are {MIN_IMAGES} or"
            " more"
        )
    found = np.empty((len(vectors), 1), np.int64)
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        found[start : start + BLOCK, 0] = cosines.argmax(axis=1)
    return found


def embedding_error(
    reference: Vectors, found: Vectors, classes: NDArray[np.int64] | None
) -> EmbeddingError:
    """Compare the vectors of two models.

    Args:
        reference: The reference's.
        found: The artifact's, of the same images.
        classes: [N], what the images show; None where that is unknown.
    """
    cosines = np.minimum((reference * found).sum(axis=1), 1.0)
    verification = None
    if classes is not None and len(np.unique(classes)) >= MIN_CLASSES:
        verification = _verification(reference, found, classes)
    return EmbeddingError(
        cosine_median=float(np.median(cosines)),
        # "lower" is a cosine of an image, and never between two.
        cosine_low=float(np.percentile(cosines, PERCENTILE, method="lower")),
        cosine_worst=float(cosines.min()),
        beyond=beyond(len(cosines)),
        verification=verification,
    )


def _verification(
    reference: Vectors, found: Vectors, classes: NDArray[np.int64]
) -> Verification | None:
    taken = np.unique(np.linspace(0, len(classes) - 1, min(len(classes), MAX_PAIRED)).astype(int))
    classes = classes[taken]
    is_same = classes[:, None] == classes[None]
    np.fill_diagonal(is_same, val=False)
    is_other = classes[:, None] != classes[None]
    if not is_same.any():
        return None
    before, after = (_cosines(vectors[taken]) for vectors in (reference, found))
    threshold = _best_threshold(before[is_same], before[is_other])
    shares = [_shares(cosines >= threshold, is_same, is_other) for cosines in (before, after)]
    (reference_accuracy, left_out), (accuracy, left_out_after) = shares
    drop = reference_accuracy - accuracy
    drops = left_out - left_out_after
    n = len(drops)
    spread = math.sqrt((n - 1) / n * float(np.square(drops - drops.mean()).sum()))
    half = student_quantile((1 + CONFIDENCE) / 2, n - 1) * spread
    return Verification(
        threshold=threshold,
        accuracy=accuracy,
        reference_accuracy=reference_accuracy,
        drop=drop,
        drop_interval=Interval(low=drop - half, high=drop + half),
    )


def _cosines(vectors: Vectors) -> NDArray[np.float32]:
    narrow = vectors.astype(np.float32)
    cosines: NDArray[np.float32] = narrow @ narrow.T
    return cosines


def _best_threshold(same: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the cosine at or above which pairs are of one class, for the most right answers."""
    same, other = np.sort(same), np.sort(other)
    candidates = np.unique(same)
    missed = np.searchsorted(same, candidates, side="left") / len(same)
    rejected = np.searchsorted(other, candidates, side="left") / len(other)
    return float(candidates[(rejected - missed).argmax()])


def _shares(
    is_above: NDArray[np.bool_], is_same: NDArray[np.bool_], is_other: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the accuracy of all pairs, and without each image: a float and [N]."""
    accuracy, without = 0.0, np.zeros(len(is_above))
    for is_right, counted in ((is_above, is_same), (~is_above, is_other)):
        right, pairs = (is_right & counted).sum(axis=1), counted.sum(axis=1)
        accuracy += right.sum() / pairs.sum() / 2
        # An image's pairs stand in its row and in its column.
        left = np.maximum(pairs.sum() - 2 * pairs, 1)
        without += (right.sum() - 2 * right) / left / 2
    return float(accuracy), without
