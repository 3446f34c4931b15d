"""Measures how far a model's points are from a reference's and from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classify.regression_error import MIN_IMAGES, mean_interval
from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.bootstrap import bootstrap_interval
from strop.runtime.statistics.intervals import Interval, wilson_interval

Places = NDArray[np.float64]
"""[N, points, 2], x and y in shares of the input's longer side; NaN where a point is not there."""
Distances = NDArray[np.float64]
"""[N, points], in the same unit."""

NEAR = 0.05  # of the longer side
PERCENTILE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class PointDistance:
    """How far points are from where others have them, in shares of the input's longer side.

    Attributes:
        mean: Mean over the images of each one's mean over its points.
        mean_interval: 95 % interval of it (Student's t over the images).
        high: 95th percentile over all points of all images.
        high_interval: 95 % interval of it (bootstrap over the images).
        near: Share of the points that are at most NEAR off.
        near_interval: 95 % interval of it, as if a share of an image's points varied as much as a
            yes or no, which is the widest (Wilson).

    Source: Y. Yang and D. Ramanan, Articulated Human Detection with Flexible Mixtures of Parts,
    TPAMI 35 (2013), section 6.2: a point is right within a share of the longer side.
    """

    mean: float
    mean_interval: Interval
    high: float
    high_interval: Interval
    near: float
    near_interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class PointErrors:
    """The points of one model against a reference's, over the same images.

    Attributes:
        found: The distance from the reference.
        worst: The point that is furthest off in the mean; its position where there are no names.
        worst_mean: How far, in shares of the input's longer side.
        truth: The distance from the truth; None without one.
        reference_truth: The reference's; None without one.
        constant: Mean distance from the reference of a file that has each point where the
            reference has it in the mean.
        drop: By how much the mean error grows, as a share of the reference's own; without a truth
            the distance from the reference as a share of `constant`.
        drop_interval: 95 % interval of it (Student's t over the images, paired).
        constant_drop: What `drop` would be of the file that has all points in one place.
    """

    found: PointDistance
    worst: str
    worst_mean: float
    truth: PointDistance | None
    reference_truth: PointDistance | None
    constant: float
    drop: float
    drop_interval: Interval
    constant_drop: float

    @property
    def is_telling(self) -> bool:
        """Whether the file is clearly nearer to the reference than one place for all images."""
        return self.found.mean_interval.high < self.constant


def point_errors(
    reference: Places, found: Places, truth: Places | None, names: tuple[str, ...]
) -> PointErrors:
    """Compare the points of two models.

    Args:
        reference: [N, points, 2].
        found: Of the same shape.
        truth: Likewise, NaN where a point is not there; None where it is unknown.
        names: Of the points; none for their positions.

    Raises:
        MeasurementError: Fewer than two images, or fewer than two with a point in the truth.
    """
    gaps = distances(found, reference)
    middle = np.broadcast_to(reference.mean(axis=0), reference.shape)
    constant = float(distances(middle, reference).mean())
    own = distance(gaps)
    by_point = gaps.mean(axis=0)
    worst = int(by_point.argmax())
    grown, constant_grown, unit = gaps, distances(middle, reference), constant
    of_truth = of_reference = None
    if truth is not None:
        before, after = distances(reference, truth), distances(found, truth)
        of_truth, of_reference = distance(after), distance(before)
        grown, constant_grown = after - before, distances(middle, truth) - before
        unit = of_reference.mean or constant
    unit = unit or 1.0
    each = means(grown)
    interval = mean_interval(each)
    return PointErrors(
        found=own,
        worst=names[worst] if names else str(worst),
        worst_mean=float(by_point[worst]),
        truth=of_truth,
        reference_truth=of_reference,
        constant=constant,
        drop=float(each.mean()) / unit,
        drop_interval=Interval(low=interval.low / unit, high=interval.high / unit),
        constant_drop=float(means(constant_grown).mean()) / unit,
    )


def distances(first: Places, second: Places) -> Distances:
    """Return how far points are from each other: [N, points]."""
    found: Distances = np.hypot(*np.moveaxis(first - second, -1, 0))
    return found


def means(gaps: Distances) -> NDArray[np.float64]:
    """Return each image's mean over the points that are there; images without one are left out."""
    is_there = ~np.isnan(gaps)
    some = is_there.any(axis=1)
    found: NDArray[np.float64] = np.nansum(gaps[some], axis=1) / is_there[some].sum(axis=1)
    return found


def distance(gaps: Distances) -> PointDistance:
    """Sum up distances.

    Args:
        gaps: [N, points], NaN where a point is not there.

    Raises:
        MeasurementError: Fewer than two images have a point.
    """
    kept = gaps[~np.isnan(gaps).all(axis=1)]
    if len(kept) < MIN_IMAGES:
        raise MeasurementError(
            f"{len(kept)} images with points for their mean error; needed are {MIN_IMAGES} or more"
        )
    each, near = means(kept), _near(kept)
    return PointDistance(
        mean=float(each.mean()),
        mean_interval=mean_interval(each).within(0.0),
        high=float(_percentiles(kept, np.ones((1, len(kept))))[0]),
        high_interval=bootstrap_interval(lambda weights: _percentiles(kept, weights), len(kept)),
        near=near,
        near_interval=wilson_interval(near * len(kept), len(kept)),
    )


def _near(gaps: Distances) -> float:
    known = gaps[~np.isnan(gaps)]
    return float((known <= NEAR).mean())


def _percentiles(gaps: Distances, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 95th percentile of all distances, for each row of weights of the images."""
    images = np.broadcast_to(np.arange(len(gaps))[:, None], gaps.shape)[~np.isnan(gaps)]
    known = gaps[~np.isnan(gaps)]
    order = np.argsort(known, kind="stable")
    ordered, of_image = known[order], images[order]
    found = np.empty(len(weights))
    for row, weight in enumerate(weights):
        sums = weight[of_image].cumsum()
        found[row] = ordered[np.searchsorted(sums, PERCENTILE * sums[-1])]
    return found
