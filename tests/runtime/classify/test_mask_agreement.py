"""Shares of pixels and intersections over unions, with intervals over the images."""

from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.mask_agreement import agreement, compare_maps, iou_drop
from strop.runtime.statistics.bootstrap import bootstrap_interval

TRUTH = np.array([[0, 0, 1, 1], [0, 2, 1, UNSEEN]], np.uint8)
FOUND = np.array([[0, 1, 1, 1], [0, 0, 1, 1]], np.uint8)


def test_figures_are_those_of_their_definitions() -> None:
    found = agreement([compare_maps(FOUND, TRUTH)])
    assert found is not None
    # Of 7 pixels, since one is UNSEEN, 2 of 3 zeros, no two and all three ones are found.
    assert found.pixels.value == pytest.approx(5 / 7)
    assert found.ious == pytest.approx({0: 2 / 4, 1: 3 / 4, 2: 0.0})
    assert found.mean_iou.value == pytest.approx(1.25 / 3)
    assert found.images == 1


def test_equal_maps_agree_and_maps_without_a_pixel_say_nothing() -> None:
    unseen = np.full((2, 4), UNSEEN, np.uint8)
    assert agreement([compare_maps(unseen, TRUTH)]) is None
    found = agreement([compare_maps(TRUTH, TRUTH), compare_maps(unseen, TRUTH)])
    assert found is not None
    assert (found.images, found.pixels.value, found.mean_iou.value) == (1, 1.0, 1.0)
    assert found.mean_iou.interval.low == found.mean_iou.interval.high == 1.0


def test_sums_are_over_all_images_before_they_are_divided() -> None:
    small, large = np.zeros((1, 1), np.uint8), np.zeros((3, 3), np.uint8)
    found = agreement([compare_maps(small, small + 1), compare_maps(large, large)])
    assert found is not None
    assert found.pixels.value == pytest.approx(0.9)
    assert found.ious == pytest.approx({0: 0.9, 1: 0.0})
    assert found.pixels.interval.low == 0.0
    assert found.pixels.interval.high == 1.0


def test_a_drop_is_paired() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (40, 8, 8)).astype(np.uint8)
    wrong = random.random(truth.shape) < random.uniform(0, 0.8, (40, 1, 1))
    worse = wrong | (random.random(truth.shape) < 0.02)
    noise = random.integers(0, 3, truth.shape).astype(np.uint8)
    counts = [
        list(map(compare_maps, np.where(side, noise, truth), truth)) for side in (wrong, worse)
    ]
    drop, before = iou_drop(*counts), agreement(counts[0])
    assert drop is not None
    assert before is not None
    assert 0 < drop.interval.low < drop.value < drop.interval.high
    # Images differ by far more than the two do on each of them.
    width = before.mean_iou.interval.high - before.mean_iou.interval.low
    assert drop.interval.high - drop.interval.low < width / 3
    assert iou_drop(counts[0], counts[0]) is not None


def test_the_interval_of_a_mean_is_the_usual_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = bootstrap_interval(lambda weights: weights @ values / len(values), len(values))
    half = 1.96 * values.std() / np.sqrt(len(values))
    # 1,000 draws know a quantile to some percent of the interval.
    assert found.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15 * half)
