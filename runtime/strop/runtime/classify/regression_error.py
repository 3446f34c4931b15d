"""Measures how far a model's numbers are from a reference's, in their unit and in its spread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.intervals import CONFIDENCE, Interval
from strop.runtime.statistics.student import student_quantile

Numbers = NDArray[np.float64]
MIN_IMAGES = 2  # one value has no spread


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputError:
    """One number of a REGRESS task, of one model against a reference, over the same images.

    Attributes:
        output: Its label; its position where there are none.
        mean: Mean absolute difference from the reference, in the number's own unit.
        mean_interval: 95 % interval of it (Student's t over the images).
        largest: Largest absolute difference, in the same unit.
        beyond: With 95 % confidence, at most this share of all such images differs by more.
        spread: Standard deviation of the reference over the images, in the same unit.
        constant: What `mean` would be of a file that answers the reference's mean to every
            image.
        truth_mean: Mean absolute difference from the truth; None without one.
        reference_truth_mean: The reference's; None without one.
        drop: By how much the mean error grows, as a share of `spread`: of the truth
            `truth_mean` less `reference_truth_mean`; without one `mean`, which bounds it.
            0 where there is no spread.
        drop_interval: 95 % interval of it (Student's t over the images, paired).
        constant_drop: What `drop` would be of the file that always answers the mean.
    """

    output: str
    mean: float
    mean_interval: Interval
    largest: float
    beyond: float
    spread: float
    constant: float
    truth_mean: float | None
    reference_truth_mean: float | None
    drop: float
    drop_interval: Interval
    constant_drop: float

    @property
    def is_telling(self) -> bool:
        """Whether the file is clearly nearer to the reference than one number for all images."""
        return self.mean_interval.high < self.constant


def output_errors(
    reference: Numbers, found: Numbers, truth: Numbers | None, names: tuple[str, ...]
) -> tuple[OutputError, ...]:
    """Compare each number of two models.

    Args:
        reference: [N, outputs].
        found: Of the same shape.
        truth: Likewise; None where it is unknown.
        names: Of the outputs.

    Raises:
        MeasurementError: Fewer than two images.
    """
    if len(reference) < MIN_IMAGES:
        raise MeasurementError(
            f"{len(reference)} images for a regression's error; needed are {MIN_IMAGES} or more"
        )
    return tuple(
        _output_error(
            reference[:, i], found[:, i], None if truth is None else truth[:, i], names[i]
        )
        for i in range(len(names))
    )


def _output_error(
    reference: Numbers, found: Numbers, truth: Numbers | None, name: str
) -> OutputError:
    differences = np.abs(found - reference)
    middle = float(reference.mean())
    spread = float(reference.std(ddof=1))
    grown, constant_grown = differences, np.abs(reference - middle)
    if truth is not None:
        before = np.abs(reference - truth)
        grown, constant_grown = np.abs(found - truth) - before, np.abs(truth - middle) - before
    unit = spread if spread > 0 else math.inf
    interval = mean_interval(grown)
    return OutputError(
        output=name,
        mean=float(differences.mean()),
        mean_interval=mean_interval(differences).within(0.0),
        largest=float(differences.max()),
        beyond=beyond(len(differences)),
        spread=spread,
        constant=float(np.abs(reference - middle).mean()),
        truth_mean=None if truth is None else float(np.abs(found - truth).mean()),
        reference_truth_mean=None if truth is None else float(np.abs(reference - truth).mean()),
        drop=float(grown.mean()) / unit,
        drop_interval=Interval(low=interval.low / unit, high=interval.high / unit),
        constant_drop=float(constant_grown.mean()) / unit,
    )


def mean_interval(values: Numbers) -> Interval:
    """Return the 95 % interval of the mean of independent values, by Student's t.

    Args:
        values: Two or more.

    Source: Student, The Probable Error of a Mean, Biometrika 6 (1908), 1-25.
    """
    mean, n = float(values.mean()), len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n)
    half = student_quantile((1 + CONFIDENCE) / 2, n - 1) * error
    return Interval(low=mean - half, high=mean + half)


def beyond(images: int) -> float:
    """Return the share of all images that may exceed the largest of `images` values, with 95 %.

    Source: S. S. Wilks, Determination of Sample Sizes for Setting Tolerance Limits,
    Annals of Mathematical Statistics 12 (1941), 91-96.
    """
    return float(1 - (1 - CONFIDENCE) ** (1 / images))
