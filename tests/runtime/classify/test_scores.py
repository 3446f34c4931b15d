from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.artifact.contract import Activation
from strop.runtime.classify.scores import activate, dequantize, sigmoid, softmax, top_k
from strop.runtime.engines import TensorInfo
from strop.runtime.errors import ArtifactError

INT8 = TensorInfo(shape=(1, 3), dtype="int8", scale=0.5, zero_point=-100)


def test_codes_become_real_without_overflow() -> None:
    assert dequantize(np.array([-128, -100, 127], np.int8), INT8).tolist() == [-14.0, 0.0, 113.5]


def test_floats_pass_unchanged() -> None:
    info = TensorInfo(shape=(1, 2), dtype="float32")
    assert dequantize(np.array([1.5, -2], np.float32), info).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(wrong: float) -> None:
    info = TensorInfo(shape=(1, 2), dtype="float32")
    with pytest.raises(ArtifactError, match=r"NaN or infinity for 1 of 2 .*export it again"):
        dequantize(np.array([1, wrong], np.float32), info)


def test_codes_without_a_scale_are_refused() -> None:
    with pytest.raises(ArtifactError, match="export it with a dequantized output"):
        dequantize(np.zeros(2, np.int8), TensorInfo(shape=(1, 2), dtype="int8"))


def test_softmax_sums_to_one_and_does_not_overflow() -> None:
    shares = softmax(np.array([1e4, 1e4 - 1, -1e4], np.float32))
    # Three float64 roundings of values up to 1.
    assert abs(shares.sum() - 1) <= 3 * np.finfo(np.float64).eps
    assert shares[0] / shares[1] == pytest.approx(np.e)
    assert shares[2] == 0


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0, 1e4], np.float32)).tolist() == [0.0, 0.5, 1.0]


def test_without_activation_the_scores_are_final() -> None:
    assert activate(np.array([3, -4], np.float32), Activation.NONE).tolist() == [3.0, -4.0]


def test_of_equal_scores_the_lower_index_comes_first() -> None:
    assert top_k(np.array([1, 5, 5, 0, 5], np.float32), 4) == (1, 2, 4, 0)


def test_the_best_are_those_of_a_stable_sort() -> None:
    # Codes of few values: most scores are tied with others, at the last place too.
    scores = np.random.default_rng(0).integers(0, 20, 1000).astype(np.float32)
    for k in (1, 5, 70, 1000):
        assert top_k(scores, k) == tuple(np.argsort(-scores, kind="stable")[:k].tolist())


def test_more_classes_than_there_are_gives_all() -> None:
    assert top_k(np.array([1, 2], np.float32), 9) == (1, 0)
