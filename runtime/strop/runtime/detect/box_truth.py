"""Reads where things are in a folder's pictures: the boxes of a COCO file or of VOC's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.runtime.errors import ImageError
from strop.runtime.images.load import upright_size

ROUNDED = 1.0  # pixels that a box may reach outside by: annotations are rounded
MAX_LABELS = 10_000
MAX_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenBox:
    """A box as a file has it.

    Attributes:
        where: Names it in errors.
        label: Of its class.
        corners: Top, left, bottom, right, in pixels.
        is_ignored: Whether it is neither to be found nor wrong to find: a crowd, or difficult.
    """

    where: str
    label: str
    corners: tuple[float, float, float, float]
    is_ignored: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenPicture:
    """What a file says of a picture.

    Attributes:
        size: Width and height; None where it does not say.
        boxes: In its order; there may be none.
    """

    size: tuple[int, int] | None
    boxes: tuple[GivenBox, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrueBoxes:
    """What is in a picture; it may be nothing.

    Attributes:
        corners: float64 [n, 4]: top, left, bottom, right, in pixels of the upright picture.
        classes: int64 [n], places in the labels.
        is_ignored: bool [n], as of a GivenBox.
    """

    corners: NDArray[np.float64]
    classes: NDArray[np.int64]
    is_ignored: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoxTruth:
    """What is in some pictures.

    Attributes:
        labels: Of the classes.
        pictures: In the order that they were asked for in.
    """

    labels: tuple[str, ...]
    pictures: tuple[TrueBoxes, ...]


def read_box_truth(
    truth: Path, folder: Path, images: Sequence[Path], *, labels: Sequence[str] = ()
) -> BoxTruth:
    """Read the boxes of pictures.

    Args:
        truth: A COCO file (.json), or a folder with a VOC file (.xml) for each picture, under its
            path below the other folder, or under its name.
        folder: Of the pictures.
        images: Below the folder; what the truth has of others is not looked at.
        labels: Of the classes, in their order; empty for those of the truth: COCO's categories by
            their number, VOC's names in alphabetical order.

    Raises:
        ImageError: The truth cannot be read or lacks a picture, or a box is outside of its
            picture, has no size, or is of an unknown class.
    """
    # Only one of the two is needed.
    from strop.runtime.detect.coco import read_coco
    from strop.runtime.detect.voc import read_voc

    read: Callable[..., tuple[tuple[str, ...], Mapping[Path, GivenPicture]]]
    read = read_voc if truth.is_dir() else read_coco
    own, given = read(truth, folder, images)
    names = tuple(labels) or own
    if not 1 <= len(names) <= MAX_LABELS:
        raise ImageError(f"{truth}: {len(names)} classes; needed are 1 to {MAX_LABELS}")
    places = {name: place for place, name in enumerate(names)}
    return BoxTruth(
        labels=names,
        pictures=tuple(_vetted(path, given[path], places) for path in images),
    )


def _vetted(path: Path, given: GivenPicture, places: Mapping[str, int]) -> TrueBoxes:
    size = upright_size(path)
    if given.size not in (None, size):
        raise ImageError(
            f"{path}: {size[0]} x {size[1]} pixels, and its boxes are of a picture of"
            f" {given.size[0]} x {given.size[1]}; needed are boxes of this picture, upright"
        )
    for box in given.boxes:
        _check(box, size, places)
    limits = (size[1], size[0])
    corners = np.array([box.corners for box in given.boxes], np.float64).reshape(-1, 4)
    return TrueBoxes(
        corners=corners.clip(0, np.array(limits * 2)),
        classes=np.array([places[box.label] for box in given.boxes], np.int64),
        is_ignored=np.array([box.is_ignored for box in given.boxes], np.bool_),
    )


def _check(box: GivenBox, size: tuple[int, int], places: Mapping[str, int]) -> None:
    top, left, bottom, right = box.corners
    shown = f"{left:g}, {top:g} to {right:g}, {bottom:g}"
    width, height = size
    is_inside = min(left, top) >= -ROUNDED and right <= width + ROUNDED
    if not (is_inside and bottom <= height + ROUNDED):
        raise ImageError(
            f"{box.where}: a box from {shown} in a picture of {width} x {height} pixels; needed is"
            " one inside"
        )
    if min(right, width) <= max(left, 0) or min(bottom, height) <= max(top, 0):
        raise ImageError(f"{box.where}: a box from {shown} has no size; needed is one with an area")
    if box.label not in places:
        known = ", ".join(list(places)[:MAX_NAMED]) + (", ..." if len(places) > MAX_NAMED else "")
        raise ImageError(
            f"{box.where}: a box of class {box.label!r:.80}, which is none of the {len(places)}"
            f" labels ({known}); needed is one of them"
        )
