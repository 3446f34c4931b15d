"""Find out from what calibration saw whether the images are enough and alike.

Measured, with the int8 files held against float on 400 (ImageNet, MobileNetV2, least
effort) and 1000 images (the shipped model):

| images | halves: median, worst | from half to all | signal to noise | agreement |
|---|---|---|---|---|
| ImageNet, 20 | 0.09 to 0.11, 0.35 to 0.49 | 5.6 to 7.3 % | 19.8 dB | 0.958 to 0.960 |
| 50 | 0.040, 0.27 | 3.5 % | 20.0 dB | 0.968 |
| 100 | 0.031, 0.21 | 3.1 % | 20.0 dB | 0.968 |
| shipped, 20 | 0.08 to 0.09, 0.39 to 0.79 | 6.3 to 10.7 % | 24.3 to 26.9 dB | 0.989 |
| 50 | 0.034, 0.40 | 4.3 % | 26.9 dB | 0.988 |
| 100 | 0.026, 0.11 | 2.1 % | 32.0 dB | 0.985 |
| 200 | 0.019, 0.13 | 1.7 % | 32.1 dB | 0.986 |

The growth from half to all foretells that of the next doubling: 3.5 % at 50 images of
ImageNet, and 3.1 % came. One image of black and white noise among 99 photographs moves the
worst tensor from 0.21 to 0.47.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from strop.export.image_checks.finding import ImageFinding
from strop.export.ir.graph import Array, Graph
from strop.export.passes.scale_sharing import FIXED, SHARING
from strop.export.quantize.calibrate import GROUPS, Calibration
from strop.export.quantize.quantize import float_results

HALF = GROUPS // 2
MIN_IMAGES = 2 * GROUPS  # two a group; below that, groups are single images
ENOUGH = 0.04  # relative increase; see the table
# Of the range, of the median tensor and of the worst one; with 50 images and more at most
# 0.040 and 0.40.
EVEN, EVEN_WORST = 0.06, 0.45


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ends:
    """Of the tensors whose ranges are chosen, in every group of images.

    Attributes:
        names: T tensors that are not 0 throughout.
        low: float64 [T, GROUPS], <= 0.
        high: float64 [T, GROUPS], >= 0.
    """

    names: tuple[str, ...]
    low: Array
    high: Array

    def widths(self, groups: Iterable[int]) -> Array:
        """What some groups span, as shares of what all do: float64 [T], 0..1."""
        some = list(groups)
        spanned = self.high[:, some].max(1) - self.low[:, some].min(1)
        shares: Array = spanned / (self.high.max(1) - self.low.min(1))
        return shares

    def distances(self, groups: Iterable[int]) -> Array:
        """How far the ends of some groups lie from the others', as shares: float64 [T], 0..1."""
        some = list(groups)
        others = [group for group in range(GROUPS) if group not in some]
        upper = np.abs(self.high[:, some].max(1) - self.high[:, others].max(1))
        lower = np.abs(self.low[:, some].min(1) - self.low[:, others].min(1))
        shares: Array = np.maximum(upper, lower) / (self.high.max(1) - self.low.min(1))
        return shares


def check_ranges(graph: Graph, calibration: Calibration) -> tuple[ImageFinding, ...]:
    """Say whether halves of the images agree, and whether more would widen the ranges.

    Cost: none to speak of; no image is run again.

    Args:
        graph: The one that was calibrated.
        calibration: Its extremes, in groups of images.

    Returns:
        "halves" and "growth"; empty with fewer than MIN_IMAGES images, or where nothing
        but 0 was seen.
    """
    ends = _ends(graph, calibration)
    if calibration.images < MIN_IMAGES or not ends.names:
        return ()
    return (_halves(ends), _growth(ends, calibration.images))


def _ends(graph: Graph, calibration: Calibration) -> _Ends:
    low = {
        name: np.minimum(calibration.group_low[name].min(1), 0)
        for name in chosen_activations(graph)
    }
    high = {
        name: np.maximum(calibration.group_high[name].max(1), 0)
        for name in chosen_activations(graph)
    }
    names = tuple(name for name in low if high[name].max() > low[name].min())
    return _Ends(
        names=names,
        low=np.array([low[name] for name in names]),
        high=np.array([high[name] for name in names]),
    )


def chosen_activations(graph: Graph) -> list[str]:
    """The activations whose ranges calibration decides, each of them once."""
    reals = float_results(graph)
    return [
        op.output
        for op in graph.ops
        if op.kind not in SHARING and op.kind not in FIXED and op.output not in reals
    ]


def _halves(ends: _Ends) -> ImageFinding:
    """Both ends of every range, compared between all ways to halve the groups."""
    # Group 0 is in one of the two halves.
    halves = [some for some in combinations(range(GROUPS), HALF) if 0 in some]
    distances = np.mean([ends.distances(some) for some in halves], axis=0)
    worst, median = int(distances.argmax()), float(np.median(distances))
    remedy = ""
    if median > EVEN or distances[worst] > EVEN_WORST:
        remedy = (
            f"two halves of the calibration images disagree about the ranges by {median:.0%} in"
            f" the median, and by {distances[worst]:.0%} at {ends.names[worst]}: a few images"
            " decide; take out those that are unlike the ones in use, or give more"
            " (--calibration-data)"
        )
    return ImageFinding(
        name="halves",
        numbers={
            "median_rel_distance": median,
            "worst_rel_distance": float(distances[worst]),
            "worst_tensor": ends.names[worst],
        },
        remedy=remedy,
    )


def _growth(ends: _Ends, images: int) -> ImageFinding:
    """How much of the ranges an eighth, a quarter and a half of the images span."""

    def mean_width(groups: int) -> float:
        return float(np.mean([ends.widths(some) for some in combinations(range(GROUPS), groups)]))

    half = mean_width(HALF)
    increase = 1 / half - 1
    remedy = ""
    if increase > ENOUGH:
        remedy = (
            f"the ranges are {increase:.1%} wider with all {images} calibration images than with"
            " half of them, and as many again would widen them by about as much; give some"
            f" {2 * images} (--calibration-data)"
        )
    return ImageFinding(
        name="growth",
        numbers={
            "images": images,
            "eighth_rel_width": mean_width(GROUPS // 8),
            "quarter_rel_width": mean_width(GROUPS // 4),
            "half_rel_width": half,
            "rel_increase": increase,
        },
        remedy=remedy,
    )
