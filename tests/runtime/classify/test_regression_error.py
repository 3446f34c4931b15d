from __future__ import annotations

import numpy as np
import pytest

from strop.runtime.classify.regression_error import beyond, mean_interval, output_errors
from strop.runtime.errors import MeasurementError


@pytest.mark.parametrize("seed", range(20))
def test_errors_are_what_a_sum_by_hand_gives(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 200))
    reference, truth = random.normal(5, 3, (n, 2)), random.normal(5, 3, (n, 2))
    found = reference + random.normal(0, 0.3, (n, 2))
    for i, error in enumerate(output_errors(reference, found, None, ("x", "y"))):
        by_hand = [abs(a - b) for a, b in zip(reference[:, i], found[:, i], strict=True)]
        assert error.mean == pytest.approx(sum(by_hand) / n)
        assert error.largest == max(by_hand)
        assert error.drop == pytest.approx(error.mean / error.spread)
        assert 0 <= error.mean_interval.low <= error.mean <= error.mean_interval.high
    for i, error in enumerate(output_errors(reference, found, truth, ("x", "y"))):
        before = np.abs(reference[:, i] - truth[:, i]).mean()
        now = np.abs(found[:, i] - truth[:, i]).mean()
        assert error.reference_truth_mean == pytest.approx(before)
        assert error.truth_mean == pytest.approx(now)
        assert error.drop * error.spread == pytest.approx(now - before)
        # The growth of the error is bounded by the distance from the reference.
        assert abs(error.drop) <= error.mean / error.spread + 1e-12


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0])
def test_one_number_for_all_images_never_says_something(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    reference = 7 + scale * random.normal(size=(50, 1))
    found = np.full_like(reference, reference.mean())
    (error,) = output_errors(reference, found, None, ("x",))
    assert not error.is_telling


def test_a_file_near_the_reference_says_something() -> None:
    reference = np.linspace(0, 10, 50)[:, None]
    (error,) = output_errors(reference, reference + 0.01, None, ("x",))
    assert error.is_telling
    assert error.drop == pytest.approx(0.01 / float(reference.std(ddof=1)))


def test_the_interval_is_students() -> None:
    # t(0.975, 3) = 3.1824 (any table); standard error sqrt(5/3) / 2.
    interval = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert interval.high - 2.5 == pytest.approx(3.182446 * (5 / 3) ** 0.5 / 2, rel=1e-6)


def test_the_largest_of_59_is_exceeded_by_at_most_a_twentieth() -> None:
    assert beyond(59) < 0.05 < beyond(58)  # Wilks 1941


def test_one_image_has_no_spread() -> None:
    with pytest.raises(MeasurementError, match="1 images for a regression's error; needed are 2"):
        output_errors(np.zeros((1, 1)), np.zeros((1, 1)), None, ("x",))


def test_no_error_is_below_0_however_far_a_few_images_are_off() -> None:
    reference = np.linspace(0, 1, 20)[:, None]
    (error,) = output_errors(reference, reference + (reference == 1), truth=None, names=("one",))
    assert error.mean_interval.low == 0
    assert error.mean_interval.high > error.mean
