from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.detect.average_precision import (
    Matches,
    as_truth,
    box_precision,
    precision_drop,
)
from strop.runtime.detect.box_truth import TrueBoxes
from strop.runtime.detect.read_boxes import Boxes

pytest.importorskip("pycocotools")


def true_boxes(random: np.random.Generator, n: int) -> TrueBoxes:
    corners = random.uniform(0, 50, (n, 4))
    corners[:, 2:] += corners[:, :2] + 5
    return TrueBoxes(
        corners=corners, classes=random.integers(0, 3, n), is_ignored=random.random(n) < 0.1
    )


def seen(random: np.random.Generator, truth: TrueBoxes, noise: float) -> Boxes:
    n = len(truth.classes)
    return Boxes(
        corners=truth.corners + random.normal(0, noise, (n, 4)),
        classes=truth.classes,
        scores=random.random(n),
    ).chosen(np.flatnonzero(random.random(n) < 0.9))


@pytest.fixture(scope="module")
def truth() -> list[TrueBoxes]:
    random = np.random.default_rng(1)
    return [true_boxes(random, int(random.integers(0, 6))) for _ in range(30)]


def test_boxes_that_are_the_truth_have_a_precision_of_one(truth: list[TrueBoxes]) -> None:
    same = [
        Boxes(corners=t.corners, classes=t.classes, scores=np.ones(len(t.classes))) for t in truth
    ]
    found = box_precision(Matches(same, truth))
    assert (found.mean.value, found.half.value) == (1, 1)
    assert (found.mean.interval.low, found.mean.interval.high) == (1, 1)
    assert found.boxes == sum(int((~each.is_ignored).sum()) for each in truth)
    assert set(found.by_class.values()) == {1.0}


def test_nothing_found_is_a_precision_of_zero(truth: list[TrueBoxes]) -> None:
    nothing = Boxes(corners=np.empty((0, 4)), classes=np.empty(0, np.int64), scores=np.empty(0))
    found = box_precision(Matches([nothing] * 30, truth))
    assert (found.mean.value, found.half.value) == (0, 0)
    empty = as_truth(nothing, 0.5)
    assert box_precision(Matches([nothing] * 3, [empty] * 3)).mean.value == 0


def test_a_choice_of_images_counts_as_those_images_alone(truth: list[TrueBoxes]) -> None:
    random = np.random.default_rng(2)
    found = [seen(random, each, 2) for each in truth]
    matches = Matches(found, truth)
    whole = matches.precision()
    for _ in range(5):
        chosen = random.integers(0, 30, 30)
        alone = Matches([found[at] for at in chosen], [truth[at] for at in chosen])
        assert alone.classes == matches.classes
        assert np.allclose(matches.precision(chosen), alone.precision())
    assert np.array_equal(matches.precision(), whole)


def test_worse_boxes_drop_within_their_interval(truth: list[TrueBoxes]) -> None:
    random = np.random.default_rng(3)
    good, bad = ([seen(random, each, noise) for each in truth] for noise in (1, 4))
    matches = Matches(good, truth), Matches(bad, truth)
    better, worse = map(box_precision, matches)
    mean, half = precision_drop(*matches)
    assert mean.value == pytest.approx(better.mean.value - worse.mean.value)
    assert mean.interval.low < mean.value < mean.interval.high
    assert mean.value > 0.1
    assert half.value == pytest.approx(better.half.value - worse.half.value)
    assert all(0 <= one.mean.interval.low <= one.mean.interval.high <= 1 for one in (better, worse))
    same, _ = precision_drop(matches[0], matches[0])
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)


def test_boxes_below_the_threshold_are_not_true() -> None:
    boxes = Boxes(
        corners=np.array([[0, 0, 5, 5], [1, 1, 3, 3.0]]),
        classes=np.array([2, 1]),
        scores=np.array([0.6, 0.2]),
    )
    assert as_truth(boxes, 0.3).classes.tolist() == [2]
