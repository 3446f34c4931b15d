from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.comparison import (
    ModelAnswers,
    Truth,
    accuracy,
    compare,
    joined,
    model_answers,
)
from strop.runtime.classify.decision import Decision, answers, answers_of_classes, decide
from strop.runtime.classify.evaluate import Evaluation

CLASSES = decide(10, Activation.NONE, where="a test")
TASKS = (
    CLASSES,
    decide(1, Activation.SIGMOID, where="a test"),
    decide(3, Activation.SIGMOID, where="a test"),
    decide(2, Activation.NONE, task=Task.REGRESS, where="a test"),
)
of_each_task = pytest.mark.parametrize("decision", TASKS, ids=lambda decision: decision.task.value)


def drawn(decision: Decision, seed: int, count: int = 40) -> np.ndarray:
    scores: np.ndarray = np.random.default_rng(seed).normal(0, 2, (count, decision.scores))
    return scores


def test_top5_finds_the_class_among_five() -> None:
    scores = np.array([[9.0, 8, 7, 6, 5, 4], [9.0, 8, 7, 6, 5, 4]])
    found = model_answers(CLASSES, scores)
    assert found.rows.tolist() == [[0], [0]]
    rows = answers_of_classes(CLASSES, [4, 5])
    top5 = accuracy(found, Truth(task=Task.CLASSIFY, rows=rows)).top5
    assert top5 is not None
    assert (top5.hits, top5.images) == (1, 2)


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    found = model_answers(CLASSES, np.zeros((1, 10)))
    assert found.best.tolist() == [[0, 1, 2, 3, 4]]


@of_each_task
def test_batches_joined_are_the_answers_to_all(decision: Decision) -> None:
    scores = drawn(decision, 0)
    whole = model_answers(decision, scores)
    parts = joined([model_answers(decision, scores[:7]), model_answers(decision, scores[7:])])
    for name in ("rows", "best", "outputs"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name))


@of_each_task
def test_certificate_and_evaluate_find_the_same_figures(decision: Decision) -> None:
    """One from scores of whole batches, the other from the numbers of a record."""
    scores = drawn(decision, 1), drawn(decision, 1) + drawn(decision, 2) / 3
    found, reference = (model_answers(decision, each) for each in scores)
    names = () if decision.task is Task.CLASSIFY else ("a", "b", "c")[: decision.names_needed]
    right = drawn(decision, 3)
    targets = right if decision.task is Task.REGRESS else answers(decision, right)
    truth = Truth(task=decision.task, names=names, rows=targets)
    evaluation = Evaluation(
        truth=(None,) * len(targets),
        targets=tuple(tuple(map(float, row)) for row in targets),
        ranked=ranked(decision, found),
        against=ranked(decision, reference),
        task=decision.task,
        outputs=table(found),
        against_outputs=table(reference),
        names=names,
    )
    if decision.task is Task.CLASSIFY:  # a class per image, not a row per image
        classes = tuple(int(row[0]) for row in targets)
        evaluation = replace(evaluation, truth=classes, targets=None)
    assert evaluation.comparison == compare(found, reference, truth)


def ranked(decision: Decision, found: ModelAnswers) -> tuple[tuple[int, ...], ...]:
    if decision.task is Task.MULTILABEL:
        return tuple(tuple(np.flatnonzero(row).tolist()) for row in found.rows)
    rows = found.best if decision.task is Task.CLASSIFY else found.rows
    return tuple(tuple(row) for row in rows.tolist())


def table(found: ModelAnswers) -> tuple[tuple[float, ...], ...] | None:
    return tuple(tuple(row) for row in found.outputs.tolist()) if found.outputs.size else None
