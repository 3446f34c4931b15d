"""Agreement, constants and average precision, against counts written out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.classify.agreement import (
    Answers,
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
from strop.runtime.statistics.intervals import wilson_interval

SEEDS = range(30)


def drawn(seed: int, columns: int) -> tuple[Answers, Answers, Answers]:
    """A reference, what was found, and the truth; some rows differ."""
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 300))
    first = random.integers(0, 3, (n, columns))
    moved = [random.random((n, columns)) < random.random() / 2 for _ in range(2)]
    found, truth = (np.where(each, random.integers(0, 3, (n, columns)), first) for each in moved)
    return first, found, truth


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("columns", [1, 4])
def test_agreement_and_drop_are_what_a_count_by_hand_gives(seed: int, columns: int) -> None:
    reference, found, truth = drawn(seed, columns)
    rows = list(zip(reference.tolist(), found.tolist(), truth.tolist(), strict=True))
    assert agreement(reference, found).share == sum(a == b for a, b, _ in rows) / len(rows)
    lost = drop(reference, found, truth)
    assert lost.lost == sum(a == t != b for a, b, t in rows)
    assert lost.won == sum(b == t != a for a, b, t in rows)
    assert lost.interval.low <= lost.drop <= lost.interval.high
    right = [int(np.count_nonzero(same(each, truth))) for each in (reference, found)]
    assert lost.lost - lost.won == right[0] - right[1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_constant_answer_never_says_something(seed: int, columns: int) -> None:
    reference, *_ = drawn(seed, columns)
    for answer in np.unique(reference, axis=0):
        found = np.broadcast_to(answer, reference.shape)
        assert why_it_says_nothing(
            constant(reference), agreement(reference, found), answer="x", reference="float"
        )


@pytest.mark.parametrize("images", [20, 100, 2000])
def test_seven_other_answers_are_too_few_and_eight_are_enough(images: int) -> None:
    for others, is_enough in ((0, False), (5, False), (8, True), (images // 2, True)):
        reference = np.zeros((images, 1), np.int64)
        reference[:others] = 1
        assert constant(reference).is_beatable is is_enough
        every = Share(hits=images, images=images)
        says_nothing = why_it_says_nothing(
            constant(reference), every, answer="0", reference="float"
        )
        assert bool(says_nothing) is not is_enough


def test_it_is_said_what_one_answer_for_all_would_reach() -> None:
    reference = np.zeros((500, 1), np.int64)
    reference[:2] = 1
    every = Share(hits=500, images=500)
    assert why_it_says_nothing(constant(reference), every, answer="shut", reference="float") == (
        "float answers 'shut' to 498 of 500 images, so one answer for all of them would agree on"
        " 99.60 %, and 100.00 % is not clearly more"
    )


def test_the_constant_is_right_as_often_as_the_truth_has_it() -> None:
    found = constant(np.array([[1], [1], [0]]), np.array([[0], [1], [1]]))
    assert (found.answer, found.hits) == ((1,), 2)
    assert found.right == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_agree_as_often_as_a_count_by_hand_says(seed: int) -> None:
    reference, found, _ = drawn(seed, 3)
    shares = label_agreement(reference, found)
    for label, share in enumerate(shares):
        pairs = zip(reference[:, label].tolist(), found[:, label].tolist(), strict=True)
        assert share == pytest.approx(sum(a == b for a, b in pairs) / len(reference))
    interval = mean_label_interval(shares, len(reference))
    assert interval.low - 1e-12 <= sum(shares) / 3 <= interval.high + 1e-12


def test_the_interval_of_labels_counts_images_not_labels() -> None:
    assert mean_label_interval((0.5,) * 80, 100) == wilson_interval(50, 100)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_the_area_below_its_steps(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, labels = int(random.integers(1, 40)), 3
    # Rounded, so that outputs tie.
    outputs = random.normal(size=(n, labels)).round(1)
    truth = random.integers(0, 2, (n, labels))
    areas = []
    for label in range(labels):
        positives = int(truth[:, label].sum())
        if not positives:
            continue
        area, recall = 0.0, 0.0
        for limit in sorted(set(outputs[:, label].tolist()), reverse=True):
            taken = outputs[:, label] >= limit
            hits = int(truth[taken, label].sum())
            area += (hits / positives - recall) * hits / int(taken.sum())
            recall = hits / positives
        areas.append(area)
    expected = sum(areas) / len(areas) if areas else None
    assert mean_average_precision(outputs, truth) == (
        None if expected is None else pytest.approx(expected)
    )


def test_perfect_order_has_precision_one_and_no_positive_has_none() -> None:
    outputs = np.array([[3.0], [2.0], [1.0]])
    assert mean_average_precision(outputs, np.array([[1], [1], [0]])) == 1
    assert mean_average_precision(outputs, np.zeros((3, 1), np.int64)) is None
