"""Turns the boxes of a training's pictures into what SSD's outputs shall give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.training.moves import Moves
from strop.export.training.truths import Chosen
from strop.runtime.artifact.contract import Contract
from strop.runtime.detect.box_truth import TrueBoxes
from strop.runtime.detect.overlap import areas, overlaps
from strop.runtime.images.load import upright_size
from strop.runtime.images.seen import seen_box, to_input

Floats = NDArray[np.float64]
MATCHED_IOU = 0.5  # Source: arXiv:1512.02325, section 2.2, matching strategy
# A box of which less is left inside of the input is none: what is left may be anything.
LEAST_LEFT = 0.25


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoxLists:
    """The boxes of all pictures, as their file has them.

    Attributes:
        labels: Of the classes, without a background.
        training: Of the pictures that are learned from, in their order.
        validation: Of the others.
    """

    labels: tuple[str, ...]
    training: tuple[TrueBoxes, ...]
    validation: tuple[TrueBoxes, ...]

    def fingerprint(self) -> bytes:
        """Say in bytes what they are: labels, boxes and classes."""
        each = [
            (one.corners.tolist(), one.classes.tolist(), one.is_ignored.tolist())
            for one in (*self.training, *self.validation)
        ]
        return repr((self.labels, each)).encode()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class InputBoxes:
    """The boxes of one picture in its input.

    Attributes:
        corners: float64 [n, 4]: top, left, bottom, right in shares of the input.
        classes: int64 [n], from 0.
    """

    corners: Floats
    classes: NDArray[np.int64]

    def inside(self) -> InputBoxes:
        """Cut boxes off at the edges of the input, and leave out those that lie outside."""
        cut = self.corners.clip(0, 1)
        kept = areas(cut) > LEAST_LEFT * areas(self.corners)
        return InputBoxes(corners=cut[kept], classes=self.classes[kept])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Boxes:
    """The boxes of each picture, and the anchors relative to which they are encoded.

    Attributes:
        pictures: Boxes of each.
        anchors: float64 [A, 4]: centre y, x, height, width, in shares of the input.
        variances: By which an anchor's four numbers are multiplied.
    """

    pictures: tuple[InputBoxes, ...]
    anchors: Floats
    variances: tuple[float, ...]

    def batch(self, chosen: Chosen, moves: Moves | None) -> tuple[NDArray[Any], ...]:
        """Return what `boxes` and `scores` shall give.

        Returns:
            float32 [N, A, 5], the code of the box and 1 for an anchor that has one; and uint16
            [N, A], its class from 1, or 0 for the background.
        """
        codes = np.zeros((len(chosen), len(self.anchors), 5), np.float32)
        classes = np.zeros(codes.shape[:2], np.uint16)
        for place, boxes in enumerate(self._moved(chosen, moves)):
            of_anchor = matched(self.anchors, boxes.corners)
            has = of_anchor >= 0
            true = boxes.corners[of_anchor[has]]
            codes[place, has, :4] = encoded(self.anchors[has], true) * self.variances
            codes[place, has, 4] = 1
            classes[place, has] = boxes.classes[of_anchor[has]] + 1
        return codes, classes

    def _moved(self, chosen: Chosen, moves: Moves | None) -> list[InputBoxes]:
        boxes = [self.pictures[number] for number in chosen]
        if moves is None:
            return boxes
        return [_moved(one, moves.of(place)) for place, one in enumerate(boxes)]


def _moved(boxes: InputBoxes, moves: Moves) -> InputBoxes:
    top, left, bottom, right = boxes.corners.T
    x, y = moves.points(np.stack((left, right))[np.newaxis], np.stack((top, bottom))[np.newaxis])
    corners = np.stack((y[0, 0], x[0].min(axis=0), y[0, 1], x[0].max(axis=0)), axis=-1)
    return InputBoxes(corners=corners, classes=boxes.classes).inside()


def input_boxes(
    boxes: Sequence[TrueBoxes], images: Sequence[Path], contract: Contract
) -> tuple[InputBoxes, ...]:
    """Place the boxes of pictures in their inputs; ignored ones are left out.

    Raises:
        ImageError: A picture cannot be read.
    """
    found = []
    for one, image in zip(boxes, images, strict=True):
        box = seen_box(upright_size(image), contract)
        kept = ~one.is_ignored
        # As points of x, y, and back to rows before columns.
        points = one.corners[kept].reshape(-1, 2, 2)[..., ::-1]
        corners = to_input(points, box)[..., ::-1].reshape(-1, 4)
        classes = one.classes[kept]
        found.append(InputBoxes(corners=corners, classes=classes).inside())
    return tuple(found)


def matched(anchors: Floats, corners: Floats) -> NDArray[np.int64]:
    """Find the box of each anchor.

    An anchor has the box that it overlaps most, if that is half of both or more; and each box has
    the anchor that overlaps it most.

    Args:
        anchors: [A, 4]: centre y, x, height, width.
        corners: [n, 4]: top, left, bottom, right.

    Returns:
        int64 [A], -1 for none.

    Source: W. Liu et al., SSD, arXiv:1512.02325, section 2.2, matching strategy.
    """
    if not len(corners):
        return np.full(len(anchors), -1, np.int64)
    centres, sides = anchors[:, :2], anchors[:, 2:]
    of_anchors = np.concatenate((centres - sides / 2, centres + sides / 2), axis=-1)
    overlap = overlaps(of_anchors, corners)
    found = np.where(overlap.max(axis=1) >= MATCHED_IOU, overlap.argmax(axis=1), -1)
    found[overlap.argmax(axis=0)] = np.arange(len(corners))
    return found


def encoded(anchors: Floats, corners: Floats) -> Floats:
    """Tell boxes by anchors: [n, 4] of centre y, x, height, width and of top, left, bottom, right.

    Source: arXiv:1512.02325, eq. 2, y before x.
    """
    sides = corners[:, 2:] - corners[:, :2]
    centres = corners[:, :2] + sides / 2
    far = (centres - anchors[:, :2]) / anchors[:, 2:]
    return np.concatenate((far, np.log(sides / anchors[:, 2:])), axis=-1)
