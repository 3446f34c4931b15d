"""Figures of embeddings, each against its definition spelled out image by image."""

from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.comparison import (
    Truth,
    accuracy,
    classes_of_nearest,
    compare,
    joined,
    model_answers,
)
from strop.runtime.classify.decision import decide
from strop.runtime.classify.embedding import embedding_error, nearest
from strop.runtime.classify.scores import unit_vectors
from strop.runtime.errors import ArtifactError, ContractError, MeasurementError

NUMBERS = 5
SEEDS = range(6)


def drawn(seed: int, images: int = 40, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one direction a class, and the classes."""
    random = np.random.default_rng(seed)
    of_class = random.integers(0, classes, images)
    centres = random.normal(size=(classes, NUMBERS))
    return unit_vectors(centres[of_class] + random.normal(0, 0.6, (images, NUMBERS))), of_class


def noisy(vectors: np.ndarray, seed: int, noise: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed + 1000)
    return unit_vectors(vectors + random.normal(0, noise, vectors.shape))


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_nearest_is_another_image_of_the_highest_cosine(seed: int) -> None:
    vectors, _ = drawn(seed)
    for i, (found,) in enumerate(nearest(vectors)):
        cosines = [cosine(vectors[i], other) for other in vectors]
        cosines[i] = -2
        assert found != i
        assert cosines[found] == pytest.approx(max(cosines), abs=1e-12)


def test_blocks_of_images_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = drawn(0)
    whole = nearest(vectors)
    monkeypatch.setattr("strop.runtime.classify.embedding.BLOCK", 7)
    assert (nearest(vectors) == whole).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_cosines_are_of_each_image_with_itself(seed: int) -> None:
    vectors, _ = drawn(seed)
    found = noisy(vectors, seed)
    error = embedding_error(vectors, found, None)
    cosines = sorted(cosine(*pair) for pair in zip(vectors, found, strict=True))
    assert error.cosine_worst == pytest.approx(cosines[0])
    assert error.cosine_low == pytest.approx(cosines[0])  # of 40 images
    assert error.cosine_median == pytest.approx(np.median(cosines))
    assert error.verification is None


def pair_accuracy(vectors: np.ndarray, classes: np.ndarray, threshold: float) -> float:
    right: dict[bool, list[bool]] = {True: [], False: []}
    for i in range(len(vectors)):
        for j in range(i):
            is_same = bool(classes[i] == classes[j])
            is_above = np.float32(vectors[i].astype("f4") @ vectors[j].astype("f4")) >= threshold
            right[is_same].append(bool(is_above) == is_same)
    return float(np.mean(right[True]) + np.mean(right[False])) / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_are_judged_at_the_references_best_threshold(seed: int) -> None:
    vectors, classes = drawn(seed, images=24)
    found = noisy(vectors, seed, 0.4)
    pairs = embedding_error(vectors, found, classes).verification
    assert pairs is not None
    # Matrix products of another size round otherwise: a pair at the threshold may move.
    near = pytest.approx(pair_accuracy(vectors, classes, pairs.threshold), abs=0.02)
    assert pairs.reference_accuracy == near
    assert pairs.accuracy == pytest.approx(pair_accuracy(found, classes, pairs.threshold), abs=0.02)
    cosines = np.unique(vectors @ vectors.T)
    best = max(pair_accuracy(vectors, classes, at - 1e-6) for at in cosines)
    assert pairs.reference_accuracy == pytest.approx(best, abs=0.02)
    assert pairs.drop_interval.low <= pairs.drop <= pairs.drop_interval.high


def test_the_interval_of_pairs_covers_equal_models() -> None:
    """Noise of one size on both: no drop in truth, and most 95 % intervals hold 0."""
    covered = []
    for seed in range(60):
        vectors, classes = drawn(seed, images=60)
        both = (noisy(vectors, seed, 0.3), noisy(vectors, seed + 500, 0.3))
        pairs = embedding_error(*both, classes).verification
        assert pairs is not None
        covered.append(pairs.drop_interval.low <= 0.02 and pairs.drop_interval.high >= 0)
    assert np.mean(covered) > 0.85


def test_recall_counts_images_that_have_another_of_their_class() -> None:
    found = np.array([[1], [0], [0], [2]])
    classes = np.array([[0], [0], [0], [7]])
    own, right = classes_of_nearest(found, classes)
    assert own.tolist() == right.tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_beside_itself_loses_nothing(seed: int) -> None:
    vectors, classes = drawn(seed)
    decision = decide(NUMBERS, Activation.L2, where="m")
    assert decision.task is Task.EMBED
    answers = joined([model_answers(decision, 3 * part) for part in np.split(vectors, 4)])
    truth = Truth(task=Task.EMBED, rows=classes[:, None])
    compared = compare(answers, answers, truth)
    assert compared.agreement is not None
    assert compared.agreement.share == 1
    assert compared.drop is not None
    assert (compared.drop.lost, compared.drop.won) == (0, 0)
    assert compared.embedding is not None
    assert compared.embedding.cosine_worst == pytest.approx(1)
    assert compared.why_it_says_nothing(truth, reference="float") == ""
    own = accuracy(answers, truth).top1
    assert own is not None
    hits = [classes[i] == classes[j] for i, (j,) in enumerate(nearest(answers.outputs))]
    assert own.share == np.mean(hits)


def test_one_vector_for_all_images_proves_nothing() -> None:
    vectors, _ = drawn(0)
    decision = decide(NUMBERS, Activation.NONE, task=Task.EMBED, where="m")
    constant = np.broadcast_to(vectors[:1], vectors.shape)
    truth = Truth(task=Task.EMBED)
    always = model_answers(decision, constant)
    compared = compare(always, always, truth)
    assert "one image nearest to 39 of the 40" in compared.why_it_says_nothing(
        truth, reference="the float model"
    )


def test_what_is_no_vector_is_refused() -> None:
    with pytest.raises(ArtifactError, match="all zeros"):
        unit_vectors(np.zeros((2, 3)))
    with pytest.raises(MeasurementError, match="2 images for the neighbours"):
        nearest(np.eye(2))
    with pytest.raises(ContractError, match="embed, which takes several scores"):
        decide(1, Activation.NONE, task=Task.EMBED, where="m")
    with pytest.raises(ContractError, match="no score stands alone"):
        decide(3, Activation.L2, task=Task.MULTILABEL, where="m")
