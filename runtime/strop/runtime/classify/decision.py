"""Makes an answer of an artifact's scores, by one rule everywhere.

Certificate, `strop evaluate`, `strop run`, the self-test and the choice of golden vectors
all ask this module, so that none of them can compare what another would not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.map_rule import (
    LOGIT,
    PROBABILITY,
    map_classes,
    map_in_words,
    map_thresholds,
)
from strop.runtime.classify.scores import activate
from strop.runtime.errors import ContractError
from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from strop.runtime.classify.point_layout import PointLayout

Scores: TypeAlias = "NDArray[np.floating[Any]]"
THRESHOLD_TASKS = (Task.BINARY, Task.MULTILABEL)
NUMBER_TASKS = (Task.REGRESS, Task.EMBED)
# Tasks whose outputs may have any shape.
PICTURE_TASKS = (Task.SEGMENT, Task.LANDMARKS, Task.DETECT)
SEVERAL_SCORES = (Task.CLASSIFY, Task.EMBED)
# What an activation makes of a single number.
SAME_FOR_ALL = {
    Activation.SOFTMAX: "a softmax is 1",
    Activation.L2: "a division by its own length is 1 or -1",
}
MAX_NAMED = 5  # labels of one answer
ONLY = "scores"  # the name of an only output


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A rule from an image's scores to its answer.

    Attributes:
        task: What the scores are.
        scores: How many there are for an image, >= 1.
        activation: What is applied to them before anything else.
        thresholds: In the unit of the activated scores: one for BINARY, one per score for
            MULTILABEL, none for the others.
        shape: Of the output for one image, without the batch, channels last: [height, width,
            classes] of a map. Empty of a row. The scores are flat all the same.
        points: How the scores are points, of a LANDMARKS task; None of others.
    """

    task: Task
    scores: int
    activation: Activation
    thresholds: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    points: PointLayout | None = None

    @property
    def has_classes(self) -> bool:
        """Whether answers are classes or labels of an image, and not numbers, points or maps."""
        return self.task not in NUMBER_TASKS and self.task not in PICTURE_TASKS

    @property
    def names_needed(self) -> int:
        """How many labels name the answers; 0 of an EMBED task, whose numbers have no names."""
        if self.task is Task.SEGMENT:
            return max(map_classes(self.shape), 2)
        if self.points is not None:
            return self.points.points
        return {Task.BINARY: 2, Task.EMBED: 0}.get(self.task, self.scores)

    @property
    def is_map(self) -> bool:
        """Whether each pixel of a map has an answer."""
        return self.task is Task.SEGMENT

    @property
    def of_pixel(self) -> Decision:
        """What the scores of one pixel of a map are: a class's each, or one alone."""
        classes = map_classes(self.shape)
        return Decision(
            task=Task.BINARY if classes == 1 else Task.CLASSIFY,
            scores=classes,
            activation=self.activation,
            thresholds=self.thresholds,
        )


def decide(
    scores: int,
    activation: Activation,
    *,
    task: Task | None = None,
    thresholds: Sequence[float] = (),
    shape: Sequence[int] = (),
    points: PointLayout | None = None,
    where: str,
) -> Decision:
    """Fill in a decision from what is known; a task that is given wins.

    Without a task, one score is BINARY, several behind a sigmoid are MULTILABEL, behind a
    division by their length EMBED, and all others CLASSIFY. A threshold is 0.5 behind a sigmoid
    or softmax and 0 otherwise.

    Args:
        scores: For an image.
        activation: That the scores go through, inside the artifact or behind it.
        task: None for what the scores look like.
        thresholds: One, or one per score; empty for the usual one.
        shape: Of the output for one image, without the batch; empty for a row.
        points: As in a Decision.
        where: Named in errors.

    Raises:
        ContractError: The task, the scores and the thresholds contradict each other.
    """
    _check_single(scores, activation, where)
    if task is Task.SEGMENT:
        limits = map_thresholds(shape, activation, thresholds, where=where)
        return Decision(
            task=task,
            scores=scores,
            activation=activation,
            thresholds=limits,
            shape=tuple(shape),
        )
    if task in PICTURE_TASKS:
        if points is not None:
            _check_points(activation, thresholds, where)
        return Decision(
            task=task, scores=scores, activation=activation, shape=_map(shape), points=points
        )
    _check_row(shape, task, where)
    found = task or _usual_task(scores, activation)
    _check_task(found, scores, activation, where)
    if found not in THRESHOLD_TASKS:
        if thresholds:
            raise ContractError(
                f"{where}: a threshold is given, and the task is {found.value}, which has none;"
                " leave out --threshold, or give another --task"
            )
        return Decision(task=found, scores=scores, activation=activation)
    if len(thresholds) not in (0, 1, scores):
        raise ContractError(
            f"{where}: {len(thresholds)} thresholds for {scores} scores; needed is one, or one per"
            " score"
        )
    usual = LOGIT if activation is Activation.NONE else PROBABILITY
    given = tuple(thresholds) or (usual,)
    return Decision(
        task=found,
        scores=scores,
        activation=activation,
        thresholds=given if len(given) == scores else given * scores,
    )


def _check_points(activation: Activation, thresholds: Sequence[float], where: str) -> None:
    if activation in SAME_FOR_ALL:
        raise ContractError(
            f"{where}: the task is landmarks, and the model ends in a {activation.value} over its"
            " numbers, so that no point stands alone; end it in the points, or in heat maps"
        )
    if thresholds:
        raise ContractError(
            f"{where}: a threshold is given, and the task is landmarks, which has none; leave out"
            " --threshold, or give another --task"
        )


def _check_single(scores: int, activation: Activation, where: str) -> None:
    if scores == 1 and activation in SAME_FOR_ALL:
        raise ContractError(
            f"{where}: one score behind {SAME_FOR_ALL[activation]} for every image; end the model"
            " in a sigmoid or in the number itself, or in several scores"
        )


def _check_task(found: Task, scores: int, activation: Activation, where: str) -> None:
    if found is Task.BINARY and scores != 1:
        raise ContractError(
            f"{where}: the task is binary, which takes one score, and there are {scores}; with two"
            " scores it is classify"
        )
    if found in SEVERAL_SCORES and scores == 1:
        raise ContractError(
            f"{where}: the task is {found.value}, which takes several scores, and there is one;"
            " with one score it is binary or regress"
        )
    if found in THRESHOLD_TASKS and activation is Activation.L2:
        raise ContractError(
            f"{where}: the task is {found.value}, and the model divides its vector by its length,"
            " so that no score stands alone; give --task embed"
        )


def _map(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a map; of a row an empty one."""
    return () if is_row(shape) else tuple(shape)


def is_row(shape: Sequence[int]) -> bool:
    """Whether only one side of a shape, the batch left out, is longer than 1."""
    return max(shape, default=0) == math.prod(shape)


def _check_row(shape: Sequence[int], task: Task | None, where: str) -> None:
    if not shape or is_row(shape):
        return
    found = f"{where}: an image has {list(shape)} numbers"
    if task is None:
        raise ContractError(
            f"{found}, no row of scores; give --task segment for a map of classes, landmarks for"
            " points, or detect for boxes; or end the model with global pooling and a dense layer"
        )
    raise ContractError(
        f"{found}, and the task is {task.value}, which takes one row of scores, [classes]; end the"
        " model with global pooling and a dense layer, or leave the output out with --outputs"
    )


def _usual_task(scores: int, activation: Activation) -> Task:
    if scores == 1:
        return Task.BINARY
    usual = {Activation.SIGMOID: Task.MULTILABEL, Activation.L2: Task.EMBED}
    return usual.get(activation, Task.CLASSIFY)


def pixels_of(decision: Decision, scores: Scores) -> Scores:
    """Return the scores of all pixels of maps: [N, scores] as [N * pixels, classes]."""
    return scores.reshape(-1, map_classes(decision.shape))


def of_each(decisions: Sequence[Decision], scores: Scores) -> list[Scores]:
    """Take a row apart: the scores of each output, [..., scores] with as many as it has."""
    found, first = [], 0
    for decision in decisions:
        found.append(scores[..., first : first + decision.scores])
        first += decision.scores
    return found


def outputs(decision: Decision, scores: Scores) -> NDArray[np.float64]:
    """Activate scores, [..., scores]: thresholds and errors have the unit of the result.

    Of a LANDMARKS task they are points, [..., 2 points], x and y of each in shares of the input's
    longer side.
    """
    if decision.points is None:
        return activate(scores, decision.activation)
    from strop.runtime.classify.point_layout import located  # not for other tasks to wait for

    rows = scores.reshape(-1, decision.scores)
    if not decision.points.maps:
        rows = activate(rows, decision.activation)
    places = located(decision.points, rows).places * decision.points.sides
    return places.reshape(*scores.shape[:-1], 2 * decision.points.points)


def answers(decision: Decision, scores: Scores) -> NDArray[np.int64]:
    """Return the answer to each image, as a row; equal rows are the same answer.

    Args:
        decision: The rule; of a task whose answers are classes, labels or maps of classes.
        scores: float [N, scores], before the activation.

    Returns:
        [N, 1], the class, for CLASSIFY (of equal scores the lower index) and BINARY;
        [N, scores], 1 for each label that is in the answer, for MULTILABEL; [N, pixels], the class
        of each, for SEGMENT.
    """
    if decision.is_map:
        of_pixels = answers(decision.of_pixel, pixels_of(decision, scores))
        return of_pixels.reshape(len(scores), -1)
    if not decision.has_classes:
        raise TypeError(f"{decision.task.value}: numbers are not the same answer or another")
    if decision.task is Task.CLASSIFY:
        best: NDArray[np.int64] = scores.argmax(axis=1).astype(np.int64)
        return best[:, None]
    is_above: NDArray[np.bool_] = outputs(decision, scores) >= np.array(decision.thresholds)
    return is_above.astype(np.int64)


def answers_of_classes(decision: Decision, classes: Sequence[int]) -> NDArray[np.int64]:
    """Return the right answers, as `answers`, to images that are of one class each."""
    found = np.array(classes, np.int64)
    if decision.task is Task.MULTILABEL:
        rows: NDArray[np.int64] = (found[:, None] == np.arange(decision.scores)).astype(np.int64)
        return rows
    return found[:, None]


def margins(decision: Decision, scores: Scores) -> NDArray[np.float64]:
    """Return how far each image's scores are from another answer, float64 [N], in units of a score.

    0 for tasks that have no other answer, see `Decision.has_classes`; of a map the mean of its
    pixels.
    """
    if decision.is_map:
        of_pixels = margins(decision.of_pixel, pixels_of(decision, scores))
        mean: NDArray[np.float64] = of_pixels.reshape(len(scores), -1).mean(axis=1)
        return mean
    wide = scores.astype(np.float64)
    if not decision.has_classes:
        return np.zeros(len(scores))
    if decision.task is Task.CLASSIFY:
        ordered = np.sort(wide, axis=1)
        ahead: NDArray[np.float64] = ordered[:, -1] - ordered[:, -2]
        return ahead
    limits = [score_at(threshold, decision.activation) for threshold in decision.thresholds]
    nearest: NDArray[np.float64] = np.abs(wide - np.array(limits)).min(axis=1)
    return nearest


def score_at(threshold: float, activation: Activation) -> float:
    """Return the score whose activation is the threshold."""
    if activation is not Activation.SIGMOID:
        return threshold
    if not 0 < threshold < 1:
        return math.copysign(math.inf, threshold - PROBABILITY)
    return math.log(threshold / (1 - threshold))


def answer_names(decision: Decision, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes or outputs: labels, or positions where there are none.

    Args:
        decision: The rule.
        labels: As many as `names_needed`, none, or for a BINARY task the second one alone.
    """
    if decision.task is Task.BINARY and len(labels) == 1:
        return (f"not {labels[0]}", labels[0])
    if decision.task is Task.EMBED:
        return ()
    return tuple(labels) or tuple(str(index) for index in range(decision.names_needed))


def classes_in(decision: Decision, answer: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the positions in `answer_names` that one row of `answers` stands for."""
    if decision.task is Task.MULTILABEL:
        return tuple(np.flatnonzero(answer).tolist())
    return (int(answer[0]),)


def answer_in_words(task: Task, names: Sequence[str], answer: Sequence[int]) -> str:
    """Put one row of `answers` into words.

    Args:
        task: Not REGRESS.
        names: As `answer_names` gives them; without any, classes are numbered.
        answer: The row.
    """
    if task is not Task.MULTILABEL:
        return names[answer[0]] if names else f"class {answer[0]}"
    chosen = [names[i] if names else str(i) for i, is_set in enumerate(answer) if is_set]
    return (
        ", ".join(chosen[:MAX_NAMED]) + (", ..." if len(chosen) > MAX_NAMED else "") or "no label"
    )


# Of tasks that are said by the number of their scores.
OF_SCORES = {
    Task.CLASSIFY: "classify: the highest of {} scores",
    Task.REGRESS: "regress: the scores are the answer",
    Task.EMBED: "embed: a vector of {} numbers",
    Task.DETECT: "detect: {} numbers of boxes",
}


def in_words(decision: Decision | None, labels: Sequence[str]) -> str:
    """Put the rule into a few words, for settings and pages."""
    if decision is None:
        return "open; give --threshold 0.5 for a probability, 0 for a logit, or --task regress"
    task = decision.task
    if task in OF_SCORES:
        return OF_SCORES[task].format(decision.scores)
    if decision.is_map:
        return map_in_words(decision.shape, decision.thresholds)
    if decision.points is not None:
        return f"landmarks: {decision.points.in_words}"
    limits = sorted(set(decision.thresholds))
    limit = f"{limits[0]:g}" if len(limits) == 1 else "its threshold"
    if task is Task.MULTILABEL:
        return f"multilabel: each of {decision.scores} labels at {limit} or above"
    below, above = answer_names(decision, labels)
    return f"binary: {above} at {limit} or above, {below} below"
