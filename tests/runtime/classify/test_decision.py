"""The decision rule, against counts written out image by image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Activation, Contract, Task
from strop.runtime.classify.decision import (
    Decision,
    answer_in_words,
    answer_names,
    answers,
    answers_of_classes,
    classes_in,
    decide,
    in_words,
    margins,
)
from strop.runtime.classify.output_head import decision_of
from strop.runtime.classify.scores import sigmoid
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ContractError

Floats = NDArray[np.float64]
SEEDS = range(20)


def drawn(seed: int, scores: int) -> Floats:
    random = np.random.default_rng(seed)
    return random.normal(0, 2, (int(random.integers(1, 60)), scores))


def open_decision(scores: int, activation: Activation, *, dtype: str = "float32") -> object:
    contract = Contract(height=8, width=8, activation=activation)
    scale = 0.0 if dtype == "float32" else 0.1
    info = TensorInfo(shape=(1, scores), dtype=dtype, scale=scale)
    return decision_of(contract, info, where="m")


@pytest.mark.parametrize("seed", SEEDS)
def test_several_scores_are_answered_by_the_first_highest(seed: int) -> None:
    scores = drawn(seed, 2 + seed % 5)
    found = answers(decide(scores.shape[1], Activation.SOFTMAX, where="m"), scores)
    for row, (answer,) in zip(scores.tolist(), found.tolist(), strict=True):
        assert all(row[answer] > other for other in row[:answer])
        assert all(row[answer] >= other for other in row[answer:])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("activation", [Activation.SIGMOID, Activation.NONE])
def test_one_score_is_answered_by_its_threshold(seed: int, activation: Activation) -> None:
    scores = drawn(seed, 1)
    usual = answers(decide(1, activation, where="m"), scores)
    assert usual.tolist() == [[int(score >= 0)] for (score,) in scores]
    threshold = 0.2 if activation is Activation.SIGMOID else -0.7
    other = answers(decide(1, activation, thresholds=[threshold], where="m"), scores)
    values = sigmoid(scores) if activation is Activation.SIGMOID else scores
    assert other.tolist() == [[int(value >= threshold)] for (value,) in values]


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_are_each_answered_by_their_own_threshold(seed: int) -> None:
    scores = drawn(seed, 3)
    thresholds = [0.1, 0.5, 0.9]
    decision = decide(3, Activation.SIGMOID, thresholds=thresholds, where="m")
    assert decision.task is Task.MULTILABEL
    found = answers(decision, scores)
    for row, answer in zip(scores, found, strict=True):
        shares = 1 / (1 + np.exp(-row))
        chosen = tuple(i for i in range(3) if shares[i] >= thresholds[i])
        assert classes_in(decision, answer) == chosen


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "decision",
    [
        decide(4, Activation.NONE, where="m"),
        decide(1, Activation.SIGMOID, thresholds=[0.3], where="m"),
        decide(1, Activation.NONE, where="m"),
        decide(3, Activation.SIGMOID, where="m"),
    ],
    ids=lambda decision: decision.task.value,
)
def test_scores_that_move_by_less_than_the_margin_keep_their_answer(
    seed: int, decision: Decision
) -> None:
    scores = drawn(seed, decision.scores)
    ahead = margins(decision, scores)
    # A class's lead shrinks by twice the movement.
    share = 0.49 if decision.task is Task.CLASSIFY else 0.99
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], scores.shape)
    moved = scores + signs * share * ahead[:, None]
    np.testing.assert_array_equal(answers(decision, scores), answers(decision, moved))


@pytest.mark.parametrize(
    ("scores", "activation", "task"),
    [
        (1, Activation.SIGMOID, Task.BINARY),
        (1, Activation.NONE, Task.BINARY),
        (2, Activation.SOFTMAX, Task.CLASSIFY),
        (7, Activation.NONE, Task.CLASSIFY),
        (7, Activation.SIGMOID, Task.MULTILABEL),
    ],
)
def test_the_task_follows_from_the_ending_and_the_number_of_scores(
    scores: int, activation: Activation, task: Task
) -> None:
    assert decide(scores, activation, where="m").task is task


def test_a_float_score_without_a_recorded_threshold_is_left_open() -> None:
    assert open_decision(1, Activation.NONE) is None
    assert open_decision(1, Activation.NONE, dtype="int8") is not None
    assert open_decision(1, Activation.SIGMOID) is not None
    assert open_decision(2, Activation.NONE) is not None
    assert "--threshold 0.5 for a probability" in in_words(None, ())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: decide(2, Activation.NONE, task=Task.BINARY, where="m"),
            "m: the task is binary, which takes one score, and there are 2",
        ),
        (
            lambda: decide(1, Activation.NONE, task=Task.CLASSIFY, where="m"),
            "with one score it is binary or regress",
        ),
        (
            lambda: decide(1, Activation.NONE, task=Task.EMBED, where="m"),
            "m: the task is embed, which takes several scores, and there is one",
        ),
        *(
            (partial(decide, 1, activation, task=task, where="m"), text)
            for task in (None, *Task)
            for activation, text in (
                (Activation.SOFTMAX, "m: one score behind a softmax is 1 for every image"),
                (Activation.L2, "a division by its own length is 1 or -1 for every image"),
            )
        ),
        (
            lambda: decide(3, Activation.NONE, thresholds=[1.0], where="m"),
            "a threshold is given, and the task is classify, which has none",
        ),
        (
            lambda: decide(3, Activation.SIGMOID, thresholds=[0.1, 0.2], where="m"),
            "2 thresholds for 3 scores; needed is one, or one per score",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(make: Callable[[], Decision], text: str) -> None:
    with pytest.raises(ContractError, match=text):
        make()


def test_a_regression_has_no_answers_to_compare() -> None:
    decision = decide(1, Activation.NONE, task=Task.REGRESS, where="m")
    assert not decision.has_classes
    with pytest.raises(TypeError, match="regress: numbers are not the same answer"):
        answers(decision, np.zeros((2, 1)))


def test_answers_have_names() -> None:
    binary = decide(1, Activation.SIGMOID, where="m")
    assert answer_names(binary, ("closed", "open")) == ("closed", "open")
    assert answer_names(binary, ("open",)) == ("not open", "open")
    assert answer_names(binary, ()) == ("0", "1")
    assert in_words(binary, ("closed", "open")) == "binary: open at 0.5 or above, closed below"
    assert answer_in_words(Task.BINARY, ("closed", "open"), (1,)) == "open"
    assert answer_in_words(Task.CLASSIFY, (), (3,)) == "class 3"
    assert answer_in_words(Task.MULTILABEL, ("a", "b", "c"), (1, 0, 1)) == "a, c"
    assert answer_in_words(Task.MULTILABEL, ("a", "b"), (0, 0)) == "no label"


def test_an_image_of_one_class_has_that_label_alone() -> None:
    labels = decide(3, Activation.SIGMOID, where="m")
    assert answers_of_classes(labels, [2, 0]).tolist() == [[0, 0, 1], [1, 0, 0]]
    binary = decide(1, Activation.SIGMOID, where="m")
    assert answers_of_classes(binary, [1, 0]).tolist() == [[1], [0]]
