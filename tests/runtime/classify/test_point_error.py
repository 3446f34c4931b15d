"""Distances between points, and what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from strop.runtime.classify.point_error import distance, distances, point_errors
from strop.runtime.errors import MeasurementError

NAMES = ("eye", "nose")


def places(seed: int, images: int = 40, points: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, 1, (images, points, 2))


def test_the_distance_from_itself_is_nothing_and_every_point_is_near() -> None:
    found = point_errors(places(0), places(0), None, NAMES)
    assert (found.found.mean, found.found.high, found.found.near) == (0, 0, 1)
    assert (found.drop, found.drop_interval.high) == (0, 0)
    assert found.found.near_interval.low < 1  # 40 images do not promise all
    assert found.is_telling


def test_a_shift_is_its_length() -> None:
    shifted = places(0) + np.array([0.03, 0.04])
    found = point_errors(places(0), shifted, None, NAMES).found
    assert found.mean == pytest.approx(0.05)
    assert found.high == pytest.approx(0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_95th_percentile_is_numpys(seed: int) -> None:
    gaps = np.abs(np.random.default_rng(seed).normal(0, 0.1, (30, 7)))
    found = distance(gaps)
    assert found.high == pytest.approx(np.quantile(gaps, 0.95, method="inverted_cdf"))
    assert found.high_interval.low <= found.high <= found.high_interval.high
    assert found.near == (gaps <= 0.05).mean()


def test_points_that_are_not_there_do_not_count() -> None:
    truth = places(1)
    found = truth + 0.01
    truth[0, 0] = truth[3] = np.nan
    with_truth = point_errors(np.nan_to_num(truth) + 0.02, found, truth, NAMES)
    assert with_truth.truth is not None
    assert with_truth.truth.mean == pytest.approx(0.01 * np.sqrt(2))
    assert distance(distances(found, truth)).mean == with_truth.truth.mean


def test_the_drop_is_a_share_of_the_references_own_error() -> None:
    truth = places(2)
    found = point_errors(truth + 0.02, truth + 0.021, truth, NAMES)
    assert found.drop == pytest.approx(0.05)
    assert found.reference_truth is not None
    assert found.constant_drop > 1


def test_without_a_truth_it_is_a_share_of_the_references_spread() -> None:
    reference = places(3)
    middle = np.broadcast_to(reference.mean(axis=0), reference.shape)
    found = point_errors(reference, middle, None, NAMES)
    assert found.drop == pytest.approx(1.0) == found.constant_drop
    assert not found.is_telling


def test_the_worst_point_is_named_or_numbered() -> None:
    reference = places(4)
    moved = reference.copy()
    moved[:, 1] += 0.1
    assert point_errors(reference, moved, None, NAMES).worst == "nose"
    assert point_errors(reference, moved, None, ()).worst == "1"


def test_one_image_has_no_interval() -> None:
    with pytest.raises(MeasurementError, match="1 images with points"):
        point_errors(places(0, images=1), places(0, images=1), None, NAMES)
