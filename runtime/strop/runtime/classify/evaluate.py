"""Runs one artifact, or two, over labelled images and keeps every answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Contract, Task
from strop.runtime.classify.agreement import Answers
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.comparison import (
    TABLE_TASKS,
    TOP,
    Comparison,
    ModelAnswers,
    Truth,
    compare,
    model_answers,
)
from strop.runtime.classify.decision import Decision, answer_names, answers, classes_in
from strop.runtime.classify.output_head import Head
from strop.runtime.classify.point_truth import targets_in_input
from strop.runtime.classify.scores import top_k
from strop.runtime.classify.truth import UNSORTED_TASKS
from strop.runtime.errors import ArtifactError, ContractError, ImageError, MeasurementError
from strop.runtime.images.dataset import LabelledImage, pixels_in_order
from strop.runtime.progress import Progress, unwatched

MAX_CLASSES = 1 << 31  # of the classes in a board's record; a model has far fewer


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The answers of one artifact, or of two, to each image; `comparison` has the figures.

    Attributes:
        truth: Class of each image; None where unknown.
        ranked: For each image the best TOP classes, best first; of a BINARY task the one that
            is the answer, of a MULTILABEL task all that are in it, of tasks without classes none.
        against: Those of the reference, the other artifact; None without one.
        task: What the scores are.
        outputs: Of a MULTILABEL or REGRESS task each image's activated scores, of an EMBED task
            its unit vector, of a LANDMARKS task x and y of each point; None of others.
        against_outputs: The same of the reference; None without one.
        targets: For each image as many numbers as there are scores, as `read_truth` gives
            them, of points as `outputs`, None in it for one that is not there; None where
            `truth` has all that is known.
        thresholds: Of the artifact, as in `Decision`.
        names: Of classes, labels or numbers; empty for CLASSIFY and EMBED tasks.

    Raises:
        MeasurementError: There is not for each image what its task needs.
    """

    truth: tuple[int | None, ...]
    ranked: tuple[tuple[int, ...], ...]
    against: tuple[tuple[int, ...], ...] | None = None
    task: Task = Task.CLASSIFY
    outputs: tuple[tuple[float, ...], ...] | None = None
    against_outputs: tuple[tuple[float, ...], ...] | None = None
    targets: tuple[tuple[float | None, ...], ...] | None = None
    thresholds: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        is_table = self.task in TABLE_TASKS
        width = len(self.names) if is_table else 1
        if self.task is Task.EMBED and self.outputs:
            width = len(self.outputs[0])
        if self.task is Task.LANDMARKS:
            width *= 2
        tables: list[Sequence[Sequence[float | None]] | None] = []
        if is_table:
            tables.append(self.outputs)
        if is_table and self.against is not None:
            tables.append(self.against_outputs)
        if self.targets is not None:
            tables.append(self.targets)
        rankings = [each for each in (self.ranked, self.against) if each is not None]
        is_whole = (
            all(len(each) == self.n for each in rankings)
            and all(_is_table(table, rows=self.n, columns=width) for table in tables)
            and all(self._is_answer(each) for ranking in rankings for each in ranking)
        )
        if not is_whole:
            raise MeasurementError(
                f"{self.task.value}: not each of {self.n} images has an answer as it needs"
            )

    def __repr__(self) -> str:
        figures = f": {self.comparison!r}" if self.n > 1 else ""
        return f"<Evaluation of {self.n} images, {self.task.value}{figures}>"

    def _is_answer(self, classes: tuple[int, ...]) -> bool:
        if self.task in (Task.CLASSIFY, Task.BINARY):
            # As many for each image: TOP, or all of fewer classes.
            return 0 < len(classes) == len(self.ranked[0]) and all(
                0 <= index < MAX_CLASSES for index in classes
            )
        return all(0 <= index < len(self.names) for index in classes)

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.truth)

    @property
    def is_labelled(self) -> bool:
        """Whether every image's class is known, or all its labels."""
        return self.targets is not None or None not in self.truth

    @property
    def comparison(self) -> Comparison:
        """All figures: the artifact's answers against what is right, and the reference's.

        Raises:
            MeasurementError: A regression on fewer than two images.
        """
        reference = None
        if self.against is not None:
            reference = self._answers(self.against, self.against_outputs)
        return compare(self._answers(self.ranked, self.outputs), reference, self.right)

    @property
    def right(self) -> Truth:
        """What is right, as far as it is known."""
        rows: NDArray[Any] | None = None
        if self.targets is not None:
            rows = np.array(self.targets, np.float64)
            rows = rows if self.task in UNSORTED_TASKS else rows.astype(np.int64)
        elif self.is_labelled and self.task not in UNSORTED_TASKS:
            classes = [() if index is None else (index,) for index in self.truth]
            rows = self._rows(classes, self.outputs)
        return Truth(task=self.task, names=self.names, rows=rows)

    def _answers(
        self, ranked: Sequence[tuple[int, ...]], outputs: Sequence[tuple[float, ...]] | None
    ) -> ModelAnswers:
        is_ranking = self.task is Task.CLASSIFY
        return ModelAnswers(
            rows=self._rows(ranked, outputs),
            best=np.array(ranked if is_ranking else [()] * self.n, np.int64),
            outputs=np.array([()] * self.n if outputs is None else outputs, np.float64),
        )

    def _rows(
        self, classes: Sequence[tuple[int, ...]], outputs: Sequence[tuple[float, ...]] | None
    ) -> Answers:
        if self.task is not Task.MULTILABEL or outputs is None:
            return np.array([each[:1] for each in classes], np.int64)
        rows = np.zeros((len(classes), len(outputs[0])), np.int64)
        for row, each in zip(rows, classes, strict=True):
            row[list(each)] = 1
        return rows


def evaluate(
    classifier: Classifier,
    images: Sequence[LabelledImage],
    *,
    targets: tuple[tuple[float, ...], ...] | None = None,
    against: Classifier | None = None,
    progress: Progress = unwatched,
) -> Evaluation:
    """Classify every image, with one artifact or with two.

    Args:
        classifier: The artifact.
        images: Decoded ahead, a few at a time; memory stays flat.
        targets: What is true of each image, as `read_truth` gives it.
        against: The reference to compare with; it has the same task and classes.
        progress: Passes on one step per image.

    Raises:
        ImageError: No images, or one that cannot be used.
        ContractError: An artifact has several outputs, the two have different tasks or classes,
            or what the scores of one decide is unknown.
        ArtifactError: An engine fails, or a score is not finite.
    """
    only = OutputTruth(
        name=classifier.only_head().name,
        classes=tuple(image.class_index for image in images),
        targets=targets,
    )
    paths = [image.path for image in images]
    (found,) = evaluate_outputs(classifier, paths, [only], against=against, progress=progress)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputTruth:
    """What is true of the images in the sense of one output.

    Attributes:
        name: Of the output.
        classes: Class of each image; None where unknown.
        targets: As of an Evaluation.
    """

    name: str
    classes: tuple[int | None, ...]
    targets: tuple[tuple[float, ...], ...] | None = None


def _check_no_map(classifier: Classifier) -> None:
    found = [head.name for head in classifier.heads if head.contract.task is Task.SEGMENT]
    if found:
        raise ContractError(
            f"output {found[0]} is a map of classes, whose pixels are counted where it is the only"
            " output; evaluate a file without it (strop run takes this one)"
        )


def evaluate_outputs(
    classifier: Classifier,
    paths: Sequence[Path],
    truths: Sequence[OutputTruth],
    *,
    against: Classifier | None = None,
    progress: Progress = unwatched,
) -> tuple[Evaluation, ...]:
    """Classify every image, with one artifact or with two, and keep the answers of each output.

    Args:
        classifier: The artifact.
        paths: The images.
        truths: For each output, in the artifact's order.
        against: The reference, with the same outputs.
        progress: Passes on one step per image.

    Returns:
        One evaluation per output.

    Raises:
        StropError: As `evaluate`.
    """
    if not paths:
        raise ImageError("no images to evaluate; needed is one or more")
    decisions = classifier.known_decisions()
    _check_no_map(classifier)
    if against is not None:
        _check_same_outputs(classifier, against)
    own = [_AnswersSoFar(decision) for decision in decisions]
    other = [_AnswersSoFar(each) for each in against.known_decisions()] if against else []

    def steps() -> Iterator[None]:
        pairs = _pixel_pairs(paths, classifier, against)
        for path, (pixels, reference_pixels) in zip(paths, pairs, strict=True):
            with _naming(path):
                _add(own, classifier, pixels)
                if against is not None:
                    _add(other, against, reference_pixels)
            yield

    for _ in progress(steps(), len(paths), "classifying"):
        pass
    return tuple(
        Evaluation(
            truth=truth.classes,
            ranked=tuple(own[at].ranked),
            against=tuple(other[at].ranked) if other else None,
            task=head.task,
            outputs=own[at].kept,
            against_outputs=other[at].kept if other else None,
            targets=targets_in_input(truth.targets, paths, head, classifier.heads[at].contract),
            thresholds=head.thresholds,
            names=()
            if head.task is Task.CLASSIFY
            else answer_names(head, classifier.heads[at].contract.labels),
        )
        for at, (head, truth) in enumerate(zip(decisions, truths, strict=True))
    )


def _add(kept: Sequence[_AnswersSoFar], classifier: Classifier, pixels: NDArray[np.uint8]) -> None:
    """Answer one image."""
    scores = classifier.scores(pixels)
    for each, head in zip(kept, classifier.heads, strict=True):
        each.add(scores[head.columns])


@contextmanager
def _naming(image: Path) -> Iterator[None]:
    """Say of which image an artifact makes no numbers, or a vector without a direction."""
    try:
        yield
    except ArtifactError as err:
        raise ArtifactError(f"{image}: {err}") from err


def _is_table(table: Sequence[Sequence[float | None]] | None, *, rows: int, columns: int) -> bool:
    return table is not None and len(table) == rows and all(len(row) == columns for row in table)


class _AnswersSoFar:
    """The answers of one artifact to the images so far."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.ranked: list[tuple[int, ...]] = []
        self.outputs: list[tuple[float, ...]] = []

    def add(self, scores: NDArray[np.float32]) -> None:
        task = self.decision.task
        if task is Task.CLASSIFY:
            self.ranked.append(top_k(scores, TOP))
            return
        answer = None
        if self.decision.has_classes:
            answer = answers(self.decision, scores[None])[0]
        self.ranked.append(() if answer is None else classes_in(self.decision, answer))
        if task is not Task.BINARY:
            found = model_answers(self.decision, scores[None]).outputs[0]
            self.outputs.append(tuple(found.tolist()))

    @property
    def kept(self) -> tuple[tuple[float, ...], ...] | None:
        return tuple(self.outputs) or None


def _pixel_pairs(
    paths: Sequence[Path], classifier: Classifier, against: Classifier | None
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield each image as each artifact takes it; decoded once where both take the same."""
    own = pixels_in_order(paths, classifier.contract)
    if against is None or _geometry(against.contract) == _geometry(classifier.contract):
        for pixels in own:
            yield pixels, pixels
    else:
        yield from zip(own, pixels_in_order(paths, against.contract), strict=True)


def _geometry(contract: Contract) -> tuple[object, ...]:
    return (
        contract.height,
        contract.width,
        contract.channels,
        contract.resize,
        contract.crop_fraction,
        contract.pad_value,
        contract.pad_place,
    )


def _check_same_outputs(classifier: Classifier, against: Classifier) -> None:
    names = [[head.name for head in each.heads] for each in (classifier, against)]
    if names[0] != names[1] and max(map(len, names)) > 1:
        raise ContractError(
            f"the artifacts have different outputs: {', '.join(names[0])} and"
            f" {', '.join(names[1])}; needed are two artifacts of the same"
        )
    for first, second in zip(classifier.heads, against.heads, strict=True):
        _check_same_classes(first, second)


def _check_same_classes(first: Head, second: Head) -> None:
    own, other = first.contract.labels, second.contract.labels
    sizes = [first.info.size, second.info.size]
    if sizes[0] != sizes[1] or (own and other and own != other):
        raise ContractError(
            f"the artifacts have different classes: {sizes[0]} and {sizes[1]}, labels"
            f" {list(own[:3])} and {list(other[:3])}, ...; needed are two artifacts of the same"
            " classes"
        )
    tasks = [each.known_decision(each.name).task.value for each in (first, second)]
    if tasks[0] != tasks[1]:
        raise ContractError(
            f"the artifacts have different tasks: {tasks[0]} and {tasks[1]}; give --task, which"
            " holds for both"
        )
