"""Counts the same answers of two models, and the worth of one answer for all images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.statistics.intervals import Interval, paired_drop_interval, wilson_interval

Answers = NDArray[np.int64]
"""One row per image, as `decision.answers` gives them, or as truth has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A share of images.

    Attributes:
        hits: Images that count, 0 to `images`.
        images: All images, at least 1.
    """

    hits: int
    images: int

    def __repr__(self) -> str:
        low, high = self.interval.low, self.interval.high
        return f"{self.share:.4f} [95 %: {low:.4f}, {high:.4f}] of {self.images}"

    @property
    def share(self) -> float:
        """0..1."""
        return self.hits / self.images

    @property
    def interval(self) -> Interval:
        """95 % interval of the share (Wilson)."""
        return wilson_interval(self.hits, self.images)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """How many more images a reference has right.

    Attributes:
        lost: Images that only the reference has right.
        won: Images that only the other model has right.
        images: All images.
    """

    lost: int
    won: int
    images: int

    @property
    def drop(self) -> float:
        """(lost - won) / images, a share."""
        return (self.lost - self.won) / self.images

    @property
    def interval(self) -> Interval:
        """95 % interval of the drop (paired, Tango 1998)."""
        return paired_drop_interval(self.lost, self.won, self.images)


def same(first: Answers, second: Answers) -> NDArray[np.bool_]:
    """Find the images on which two models, or a model and the truth, have the same answer: [N]."""
    rows: NDArray[np.bool_] = (first == second).all(axis=1)
    return rows


def agreement(reference: Answers, found: Answers) -> Share:
    """Count the images with the same answer."""
    hits = int(np.count_nonzero(same(reference, found)))
    return Share(hits=hits, images=len(reference))


def drop(reference: Answers, found: Answers, truth: Answers) -> Drop:
    """How many more images the reference has right."""
    before, now = same(reference, truth), same(found, truth)
    lost = int(np.count_nonzero(before & ~now))
    won = int(np.count_nonzero(now & ~before))
    return Drop(lost=lost, won=won, images=len(truth))


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """The worth of a file that gives every image the reference's most common answer.

    A file whose agreement with the reference is not clearly above this one's says nothing
    about the network: the two 95 % intervals must not overlap. Where fewer than 8 images have
    another answer, no file can show that, however many images there are: Wilson's interval of
    an agreement on all n images begins at n / (n + 3.84).

    Attributes:
        answer: The most common answer, a row of `Answers`.
        hits: Images to which the reference gives it.
        images: All images.
        right: Share of images for which it is the right answer; None without truth.
    """

    answer: tuple[int, ...]
    hits: int
    images: int
    right: float | None

    @property
    def agreement(self) -> Share:
        """With the reference."""
        return Share(hits=self.hits, images=self.images)

    @property
    def is_beatable(self) -> bool:
        """Whether a file that agrees on every image would be clearly better."""
        return self.is_beaten_by(Share(hits=self.images, images=self.images))

    def is_beaten_by(self, found: Share) -> bool:
        """Whether an agreement with the reference is clearly above this one's."""
        return found.interval.low > self.agreement.interval.high


def why_it_says_nothing(constant: Constant, found: Share, *, answer: str, reference: str) -> str:
    """Say why an agreement says nothing about a model; empty where it does.

    Args:
        constant: What one answer for all images would be worth.
        found: Images with the same answer as the reference.
        answer: The constant's answer, in words.
        reference: What the reference is called.
    """
    if constant.is_beaten_by(found):
        return ""
    return (
        f"{reference} answers {answer!r} to {constant.hits} of {constant.images} images, so one"
        f" answer for all of them would agree on {100 * constant.agreement.share:.2f} %, and"
        f" {100 * found.share:.2f} % is not clearly more"
    )


def constant(reference: Answers, truth: Answers | None = None) -> Constant:
    """Find the reference's most common answer; of equally common ones the least row."""
    rows, counts = np.unique(reference, axis=0, return_counts=True)
    answer = rows[counts.argmax()]
    return Constant(
        answer=tuple(answer.tolist()),
        hits=int(counts.max()),
        images=len(reference),
        right=None if truth is None else float(same(answer[None], truth).mean()),
    )


def label_agreement(reference: Answers, found: Answers) -> tuple[float, ...]:
    """Return for each label of a MULTILABEL task the share of images on which both set it alike."""
    shares: list[float] = (reference == found).mean(axis=0).tolist()
    return tuple(shares)


def mean_label_interval(shares: tuple[float, ...], images: int) -> Interval:
    """Return a 95 % interval of the mean of `label_agreement`.

    Labels of one image are not independent, so images are what is counted: a share of an
    image's labels, 0..1, varies at most as much as a yes or no of the same mean, and
    Wilson's interval of that is the wider one.
    """
    mean = min(sum(shares) / len(shares), 1.0)
    return wilson_interval(mean * images, images)


def mean_average_precision(outputs: NDArray[np.float64], truth: Answers) -> float | None:
    """Return the mean over the labels of the area below their steps of precision by recall.

    Args:
        outputs: [N, labels], the higher the likelier.
        truth: [N, labels], 1 where the image has the label.

    Returns:
        0..1; labels that no image has are left out, None where that is all of them.

    Source: C. D. Manning et al., Introduction to Information Retrieval, 2008, section 8.4;
    images of equal outputs are taken in together, as scikit-learn's average_precision_score
    does.
    """
    each = [
        _average_precision(outputs[:, label], truth[:, label])
        for label in range(truth.shape[1])
        if truth[:, label].any()
    ]
    return sum(each) / len(each) if each else None


def _average_precision(outputs: NDArray[np.float64], truth: Answers) -> float:
    order = np.argsort(-outputs, kind="stable")
    falling, hits = outputs[order], np.cumsum(truth[order])
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())
