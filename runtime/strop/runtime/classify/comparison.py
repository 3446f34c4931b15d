"""Compares two classifiers over the same images, for the certificate and `strop evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import (
    Answers,
    Constant,
    Drop,
    Share,
    agreement,
    constant,
    drop,
    label_agreement,
    mean_average_precision,
    mean_label_interval,
    same,
    why_it_says_nothing,
)
from strop.runtime.classify.decision import Decision, answer_in_words, answers, outputs
from strop.runtime.classify.embedding import EmbeddingError, embedding_error, nearest
from strop.runtime.classify.point_error import (
    PointDistance,
    PointErrors,
    distance,
    distances,
    point_errors,
)
from strop.runtime.classify.regression_error import OutputError, output_errors
from strop.runtime.classify.scores import top_k, unit_vectors
from strop.runtime.classify.task_words import WORDS
from strop.runtime.statistics.intervals import Interval

TOP = 5  # top-5 is the second number that ImageNet results are reported in
# An image has several answers, or several numbers.
TABLE_TASKS = (Task.MULTILABEL, Task.REGRESS, Task.EMBED, Task.LANDMARKS)
Floats: TypeAlias = "NDArray[np.floating[Any]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelAnswers:
    """The answers of one model to N images.

    Attributes:
        rows: int64 [N, K], as `decision.answers`; no columns of tasks without classes.
        best: int64 [N, TOP at most], the best classes of a CLASSIFY task, best first; no
            columns of other tasks.
        outputs: float64 [N, scores], the activated scores of a MULTILABEL or REGRESS task, the
            unit vectors of an EMBED task; of a LANDMARKS task [N, 2 points], see `outputs`; no
            columns of other tasks.
    """

    rows: Answers
    best: Answers
    outputs: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """The right answers to N images.

    Attributes:
        task: What the scores are.
        names: Of classes, labels or numbers; empty where classes have none.
        rows: [N, K], as `ModelAnswers.rows`, of a REGRESS task as `ModelAnswers.outputs`, of an
            EMBED task [N, 1], the classes of the images; of a LANDMARKS task NaN for a point that
            is not there; None where they are unknown.
    """

    task: Task
    names: tuple[str, ...] = ()
    rows: NDArray[Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """How often one model is right; a figure is None where the truth is unknown.

    Attributes:
        top1: Images with the right answer: class, or whole set of labels; of an EMBED task the
            images whose nearest other image is of their class (recall@1), of those that share
            theirs with another; None of a REGRESS task.
        top5: Images whose class is among the TOP best; None of other tasks than CLASSIFY.
        mean_average_precision: Of a MULTILABEL task; None of others.
        points: Of a LANDMARKS task, how far off they are; None of others.
    """

    top1: Share | None = None
    top5: Share | None = None
    mean_average_precision: float | None = None
    points: PointDistance | None = None


UNKNOWN = Accuracy()


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One model beside a reference, over the same images.

    Attributes:
        task: What was compared.
        found: How often the model is right.
        reference: How often the reference is; without a reference as of unknown truth.
        agreement: Images with the same answer, of an EMBED task with the same nearest other
            image; None without a reference, and of a REGRESS task.
        drop: How many more images the reference has right; None where that is unknown.
        constant: What one answer for all images would be worth; None as `agreement`.
        label_agreement: Of a MULTILABEL task with a reference, for each label the share of images
            on which it is set alike; empty of others.
        errors: Of a REGRESS task, one for each number, against the reference or else the truth;
            empty of others, and where neither is known.
        embedding: Of an EMBED task with a reference; None of others.
        points: Of a LANDMARKS task with a reference; None of others.
    """

    task: Task
    found: Accuracy
    reference: Accuracy = UNKNOWN
    agreement: Share | None = None
    drop: Drop | None = None
    constant: Constant | None = None
    label_agreement: tuple[float, ...] = ()
    errors: tuple[OutputError, ...] = ()
    embedding: EmbeddingError | None = None
    points: PointErrors | None = None

    def __repr__(self) -> str:
        shares = {WORDS[self.task].measure: self.found.top1, "agreement": self.agreement}
        parts = [f"{name} {each!r}" for name, each in shares.items() if each is not None]
        if self.embedding is not None:
            parts.append(f"cosine {self.embedding.cosine_median:.5f}")
        if self.points is not None:
            parts.append(f"points off by {self.points.found.mean:.4f}")
        parts += [f"{each.output} off by {each.mean:.4g}" for each in self.errors]
        return f"<Comparison: {', '.join(parts) or 'nothing known'}>"

    @property
    def label_agreement_interval(self) -> Interval | None:
        """A 95 % interval of the mean of `label_agreement`; None without it."""
        if not self.label_agreement or self.agreement is None:
            return None
        return mean_label_interval(self.label_agreement, self.agreement.images)

    def why_it_says_nothing(self, truth: Truth, *, reference: str) -> str:
        """Why the agreement says nothing about the model; empty where it does.

        Args:
            truth: Gives task and names.
            reference: What the reference is called.
        """
        if self.constant is None or self.agreement is None:
            return ""
        if truth.task is Task.EMBED:
            return _why_neighbours_say_nothing(self.constant, self.agreement, reference)
        answer = answer_in_words(truth.task, truth.names, self.constant.answer)
        return why_it_says_nothing(
            self.constant, self.agreement, answer=answer, reference=reference
        )


def model_answers(decision: Decision, scores: Floats) -> ModelAnswers:
    """Make answers of scores.

    Args:
        decision: The rule.
        scores: [N, scores], before the activation.
    """
    n = len(scores)
    best = rows = np.zeros((n, 0), np.int64)
    if decision.task is Task.CLASSIFY:
        best = np.array([top_k(row, TOP) for row in scores], np.int64)
        rows = best[:, :1]
    elif decision.has_classes:
        rows = answers(decision, scores)
    is_table = decision.task in TABLE_TASKS
    table = outputs(decision, scores) if is_table else np.zeros((n, 0))
    if decision.task is Task.EMBED:
        table = unit_vectors(table)
    return ModelAnswers(rows=rows, best=best, outputs=table)


def joined(parts: Sequence[ModelAnswers]) -> ModelAnswers:
    """Join the answers to consecutive batches."""
    return ModelAnswers(
        rows=np.concatenate([part.rows for part in parts]),
        best=np.concatenate([part.best for part in parts]),
        outputs=np.concatenate([part.outputs for part in parts]),
    )


def accuracy(found: ModelAnswers, truth: Truth) -> Accuracy:
    """How often a model is right."""
    if truth.rows is None or truth.task is Task.REGRESS:
        return UNKNOWN
    if truth.task is Task.LANDMARKS:
        gaps = distances(_places(found.outputs), _places(truth.rows))
        return Accuracy(points=distance(gaps))
    if truth.task is Task.EMBED:
        return _recall(nearest(found.outputs), truth)
    top5 = precision = None
    if truth.task is Task.CLASSIFY:
        top5 = _share_of((found.best == truth.rows).any(axis=1))
    if truth.task is Task.MULTILABEL:
        precision = mean_average_precision(found.outputs, truth.rows)
    return Accuracy(
        top1=_share_of(same(found.rows, truth.rows)), top5=top5, mean_average_precision=precision
    )


def compare(found: ModelAnswers, reference: ModelAnswers | None, truth: Truth) -> Comparison:
    """Compare one model's answers with a reference's, or with the truth alone.

    Args:
        found: Of the model.
        reference: Of the reference, to the same images; None without one.
        truth: Of these images.

    Raises:
        MeasurementError: A regression on fewer than two images, an embedding on fewer than three.
    """
    if truth.task is Task.EMBED and reference is not None:
        return _compare_vectors(found, reference, truth)
    own = accuracy(found, truth)
    if truth.task is Task.REGRESS:
        return Comparison(task=truth.task, found=own, errors=_errors(found, reference, truth))
    if reference is None:
        return Comparison(task=truth.task, found=own)
    if truth.task is Task.LANDMARKS:
        return Comparison(
            task=truth.task,
            found=own,
            reference=accuracy(reference, truth),
            points=point_errors(
                _places(reference.outputs),
                _places(found.outputs),
                None if truth.rows is None else _places(truth.rows),
                truth.names,
            ),
        )
    by_label: tuple[float, ...] = ()
    if truth.task is Task.MULTILABEL:
        by_label = label_agreement(reference.rows, found.rows)
    return Comparison(
        task=truth.task,
        found=own,
        reference=accuracy(reference, truth),
        agreement=agreement(reference.rows, found.rows),
        drop=None if truth.rows is None else drop(reference.rows, found.rows, truth.rows),
        constant=constant(reference.rows, truth.rows),
        label_agreement=by_label,
    )


def _recall(found: Answers, truth: Truth) -> Accuracy:
    """How often the nearest other image, as `nearest` gives it, is of an image's class."""
    if truth.rows is None:
        return UNKNOWN
    own, right = classes_of_nearest(found, truth.rows)
    return Accuracy(top1=_share_of(same(own, right))) if len(right) else UNKNOWN


def _compare_vectors(found: ModelAnswers, reference: ModelAnswers, truth: Truth) -> Comparison:
    after, before = nearest(found.outputs), nearest(reference.outputs)
    lost = classes = None
    if truth.rows is not None:
        classes = truth.rows[:, 0]
        (was, right), (now, _) = (classes_of_nearest(each, truth.rows) for each in (before, after))
        lost = drop(was, now, right) if len(right) else None
    return Comparison(
        task=truth.task,
        found=_recall(after, truth),
        reference=_recall(before, truth),
        agreement=agreement(before, after),
        drop=lost,
        constant=constant(before),
        embedding=embedding_error(reference.outputs, found.outputs, classes),
    )


def classes_of_nearest(found: Answers, truth: Answers) -> tuple[Answers, Answers]:
    """Return the classes of images' nearest others, and those of the images themselves.

    Args:
        found: [N, 1], as `nearest` gives it.
        truth: [N, 1], the classes of the images.

    Returns:
        Two of [M, 1], of the images that share their class with another.
    """
    _, at, counts = np.unique(truth[:, 0], return_inverse=True, return_counts=True)
    is_shared = counts[at] > 1
    return truth[found[is_shared, 0]], truth[is_shared]


def _why_neighbours_say_nothing(always: Constant, found: Share, reference: str) -> str:
    if always.is_beaten_by(found):
        return ""
    return (
        f"{reference} finds one image nearest to {always.hits} of the {always.images}, and the same"
        f" nearest image on {100 * found.share:.2f} % of them is not clearly more"
    )


def _errors(
    found: ModelAnswers, reference: ModelAnswers | None, truth: Truth
) -> tuple[OutputError, ...]:
    if reference is not None:
        return output_errors(reference.outputs, found.outputs, truth.rows, truth.names)
    if truth.rows is None:
        return ()
    return output_errors(truth.rows, found.outputs, None, truth.names)


def _places(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take x and y of each point apart."""
    return rows.reshape(len(rows), -1, 2)


def _share_of(is_hit: NDArray[np.bool_]) -> Share:
    return Share(hits=int(np.count_nonzero(is_hit)), images=len(is_hit))
