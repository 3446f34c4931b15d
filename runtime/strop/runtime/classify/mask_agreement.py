"""Compares maps of classes, pixel by pixel: with masks, and with another artifact's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.map_rule import MAX_MAP_CLASSES
from strop.runtime.statistics.bootstrap import bootstrap_interval
from strop.runtime.statistics.estimate import Estimate

Map = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PixelCounts:
    """What two maps of one image have in common.

    Attributes:
        both: int64 [MAX_MAP_CLASSES]: pixels that are of a class in both.
        either: int64 [MAX_MAP_CLASSES]: pixels that are of it in at least one.
        pixels: All that are compared.
    """

    both: NDArray[np.int64]
    either: NDArray[np.int64]
    pixels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MapAgreement:
    """How alike maps are, over some images.

    Attributes:
        images: How many have pixels to compare.
        pixels: Share of the pixels that are of the same class.
        mean_iou: Mean over the classes that are there of pixels of the class in both, over pixels
            of it in either, each summed over all images.
        ious: Of each of these classes, by its number.

    Source: M. Everingham et al., The PASCAL Visual Object Classes Challenge: A Retrospective,
    IJCV 111 (2015), section 4.2.
    """

    images: int
    pixels: Estimate
    mean_iou: Estimate
    ious: dict[int, float]


def compare_maps(found: Map, expected: Map) -> PixelCounts:
    """Count over the pixels that neither map has as UNSEEN.

    Args:
        found: uint8 [H, W].
        expected: uint8 [H, W].
    """
    counted = (found != UNSEEN) & (expected != UNSEEN)
    one, other = found[counted], expected[counted]
    both = _counts(one[one == other])
    return PixelCounts(
        both=both, either=_counts(one) + _counts(other) - both, pixels=int(counted.sum())
    )


def constant_counts(own: PixelCounts, always: int) -> PixelCounts:
    """Count what a map of one class for all pixels has in common with another one.

    Args:
        own: The other map against itself.
        always: The one class.
    """
    both = np.zeros_like(own.both)
    both[always] = own.both[always]
    either = own.either.copy()
    either[always] = own.pixels
    return PixelCounts(both=both, either=either, pixels=own.pixels)


def _counts(classes: Map) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.bincount(classes, minlength=MAX_MAP_CLASSES)
    return found


def agreement(counts: Sequence[PixelCounts]) -> MapAgreement | None:
    """Sum up images; None where no pixel is compared."""
    kept = [each for each in counts if each.pixels]
    if not kept:
        return None
    sums = _Sums(kept)
    ones = np.ones((1, len(kept)))
    ious = sums.ious(ones)[0]
    return MapAgreement(
        images=len(kept),
        pixels=_figure(sums.pixels, len(kept)),
        mean_iou=_figure(sums.mean_iou, len(kept)),
        ious={int(each): float(ious[each]) for each in np.flatnonzero(~np.isnan(ious))},
    )


def iou_drop(reference: Sequence[PixelCounts], found: Sequence[PixelCounts]) -> Estimate | None:
    """By how much the mean IoU falls from a reference's to an artifact's, on the same images.

    Args:
        reference: Of each image, against its mask.
        found: The same of the artifact.
    """
    pairs = [pair for pair in zip(reference, found, strict=True) if pair[0].pixels]
    if not pairs:
        return None
    before, after = (_Sums(side) for side in zip(*pairs, strict=True))
    return _figure(lambda weights: before.mean_iou(weights) - after.mean_iou(weights), len(pairs))


@dataclass(frozen=True, kw_only=True, slots=True)
class MapComparison:
    """Maps over all images; None where there are no masks, or no reference.

    Attributes:
        found: The artifact's maps against the masks.
        reference: The reference's against the masks.
        between: The artifact's against the reference's.
        drop: Of the mean IoU, from the reference's to the artifact's.
    """

    found: MapAgreement | None
    reference: MapAgreement | None
    between: MapAgreement | None
    drop: Estimate | None


@dataclass(kw_only=True, slots=True)
class MapCounts:
    """What is counted so far: a few numbers per image, and none of its pixels.

    Attributes:
        found: The artifact's maps against the masks.
        reference: The reference's against the masks.
        between: The artifact's against the reference's.
    """

    found: list[PixelCounts] = field(default_factory=list)
    reference: list[PixelCounts] = field(default_factory=list)
    between: list[PixelCounts] = field(default_factory=list)

    def add(self, found: Map, reference: Map | None, mask: Map | None) -> None:
        """Count an image: three maps of one size, of which some may be unknown."""
        if mask is not None:
            self.found.append(compare_maps(found, mask))
        if reference is not None:
            self.between.append(compare_maps(found, reference))
        if reference is not None and mask is not None:
            self.reference.append(compare_maps(reference, mask))

    @property
    def comparison(self) -> MapComparison:
        """The figures."""
        return MapComparison(
            found=agreement(self.found),
            reference=agreement(self.reference),
            between=agreement(self.between),
            drop=iou_drop(self.reference, self.found) if self.reference else None,
        )


class _Sums:
    """Figures of images that are weighed."""

    def __init__(self, counts: Sequence[PixelCounts]) -> None:
        self.both = np.array([each.both for each in counts], np.float64)
        self.either = np.array([each.either for each in counts], np.float64)
        self.all = np.array([each.pixels for each in counts], np.float64)

    def pixels(self, weights: Floats) -> Floats:
        found: Floats = weights @ self.both.sum(axis=1) / (weights @ self.all)
        return found

    def ious(self, weights: Floats) -> Floats:
        """[draws, classes], NaN for a class that is nowhere."""
        either = weights @ self.either
        with np.errstate(invalid="ignore"):
            found: Floats = (weights @ self.both) / either
        return found

    def mean_iou(self, weights: Floats) -> Floats:
        found: Floats = np.nanmean(self.ious(weights), axis=1)
        return found


def _figure(figure: Callable[[Floats], Floats], n: int) -> Estimate:
    value = float(figure(np.ones((1, n)))[0])
    return Estimate(value=value, interval=bootstrap_interval(figure, n))
