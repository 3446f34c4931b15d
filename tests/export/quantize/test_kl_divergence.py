"""What scores cost that are not the float network's, against sums written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from strop.export.ir.graph import Array
from strop.export.quantize.kl_divergence import divergence, information, information_of_each
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import decide

BY_SOFTMAX = decide(4, Activation.SOFTMAX, where="a test")


@pytest.fixture
def scores() -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    before = random.normal(size=(6, 4)).astype(np.float32) * 3
    return before, before + random.normal(size=before.shape).astype(np.float32)


@pytest.mark.parametrize("activation", [Activation.SOFTMAX, Activation.NONE])
def test_classes_diverge_as_their_softmax_does(
    scores: tuple[Array, Array], activation: Activation
) -> None:
    p, q = (np.exp(one) / np.exp(one).sum(1, keepdims=True) for one in scores)
    expected = (p * np.log(p / q)).sum(1).mean()
    found = divergence(*scores, decide(4, activation, where="a test"))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("classes", "activation"), [(4, Activation.SIGMOID), (1, Activation.NONE)])
def test_decisions_of_their_own_diverge_one_by_one(
    scores: tuple[Array, Array], classes: int, activation: Activation
) -> None:
    before, after = (one[:, :classes] for one in scores)
    p, q = 1 / (1 + np.exp(-before)), 1 / (1 + np.exp(-after))
    each = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    found = divergence(before, after, decide(classes, activation, where="a test"))
    assert found == pytest.approx(each.sum(1).mean(), rel=1e-5)


def test_an_image_beyond_doubt_costs_nothing_when_its_scores_are_cut_off() -> None:
    before = np.array([[180.0, -60.0, -90.0], [2.0, 1.0, 0.0]], np.float32)
    assert divergence(before, before.clip(-20, 40), BY_SOFTMAX) < 1e-12
    assert divergence(before, before.clip(-20, 1.5), BY_SOFTMAX) > 0.01


def test_information_is_what_answers_tell_images_apart_by(scores: tuple[Array, Array]) -> None:
    sure = np.array([[50.0, 0.0], [0.0, 50.0]], np.float32)
    assert information(sure, BY_SOFTMAX) == pytest.approx(np.log(2))
    assert information(sure[:1], BY_SOFTMAX) == pytest.approx(0, abs=1e-12)
    p = np.exp(scores[0]) / np.exp(scores[0]).sum(1, keepdims=True)
    expected = (p * np.log(p / p.mean(0))).sum(1).mean()
    assert information(scores[0], BY_SOFTMAX) == pytest.approx(expected, rel=1e-5)


def test_the_same_scores_do_not_diverge_however_large() -> None:
    scores = np.array([[1e4, -1e4], [0.0, 0.0]], np.float32)
    for activation in (Activation.SOFTMAX, Activation.SIGMOID):
        assert divergence(scores, scores, decide(2, activation, where="a test")) == 0


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.SIGMOID])
def test_numbers_diverge_by_their_squared_error_relative_to_their_spread(
    scores: tuple[Array, Array], activation: Activation
) -> None:
    before, after = (one.astype(np.float64) for one in scores)
    decision = decide(4, activation, task=Task.REGRESS, where="a test")
    if activation is Activation.SIGMOID:
        p, q = 1 / (1 + np.exp(-before)), 1 / (1 + np.exp(-after))
    else:
        p, q = before, after
    expected = (np.square(p - q) / (2 * p.var(axis=0))).sum(axis=1).mean()
    assert divergence(*scores, decision) == pytest.approx(expected, rel=1e-5)
    assert information(scores[0], decision) == pytest.approx(4 / 2)
    # The unit of the numbers is nothing to it.
    if activation is Activation.NONE:
        assert divergence(1000 * before, 1000 * after, decision) == pytest.approx(expected)


def test_a_number_that_is_the_same_for_all_images_has_no_spread_to_divide_by() -> None:
    decision = decide(1, Activation.NONE, task=Task.REGRESS, where="a test")
    same = np.full((5, 1), 3.0, np.float32)
    assert divergence(same, same, decision) == information(same, decision) == 0
    assert divergence(same, same + 1, decision) > 1e6


def test_information_of_each_counts_what_the_classes_tell_apart() -> None:
    def mean(shares: Array) -> float:
        return float(information_of_each(np.log(np.maximum(shares, 1e-300))).mean())

    assert mean(np.eye(4)) == pytest.approx(np.log(4))
    assert mean(np.full((5, 4), 0.25)) == pytest.approx(0)
    assert mean(np.tile([1.0, 0.0, 0.0], (5, 1))) == pytest.approx(0)
