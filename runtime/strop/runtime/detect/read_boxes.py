"""Reads the boxes of one picture out of all outputs of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Activation
from strop.runtime.artifact.detection import BoxCoding, Detection
from strop.runtime.detect.anchors import grid_of
from strop.runtime.detect.candidates import Candidates, Raw, candidates, real
from strop.runtime.detect.decode import decode, decode_centres
from strop.runtime.detect.suppress import suppress
from strop.runtime.engines.engine import TensorInfo

BOX = 4  # numbers


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Boxes:
    """Boxes that were found, the highest score first; there may be none.

    Attributes:
        corners: float64 [n, 4]: top, left, bottom, right; in shares of the model's input, or in
            pixels of the picture.
        classes: int64 [n], without the background.
        scores: float64 [n].
    """

    corners: NDArray[np.float64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, places: NDArray[np.int64]) -> Boxes:
        """Return some of them."""
        return Boxes(
            corners=self.corners[places], classes=self.classes[places], scores=self.scores[places]
        )


class BoxReader:
    """Reads the boxes of one picture after the other; what they share is computed once."""

    def __init__(
        self,
        infos: Sequence[TensorInfo],
        detection: Detection,
        *,
        activation: Activation,
        size: tuple[int, int],
    ) -> None:
        """Prepare for the outputs of a detector.

        Args:
            infos: Of all outputs.
            detection: Where what is, and what it means; `check_outputs` has passed it.
            activation: Of the scores.
            size: Height and width of the model's input in pixels.
        """
        self._infos = infos
        self._detection = detection
        self._activation = activation
        self._size = size
        self._grid = grid_of(detection)

    def read(self, outputs: Sequence[Raw]) -> Boxes:
        """Find boxes above the threshold, decode them and leave one of several around a thing.

        Args:
            outputs: All outputs, each with its first side 1, in the file's order.

        Returns:
            In shares of the input.
        """
        detection = self._detection
        if detection.coding is BoxCoding.LISTED:
            return _listed(outputs, self._infos, detection)
        of_coding = self._of_centres if detection.coding is BoxCoding.CENTRES else self._of_rows
        found, corners = of_coding(outputs)
        boxes = Boxes(corners=corners, classes=found.classes, scores=found.scores)
        kept = suppress(
            corners,
            found.classes,
            iou_threshold=detection.iou_threshold,
            most=detection.most_boxes,
            per_class=detection.per_class,
        )
        return boxes if len(kept) == len(boxes) else boxes.chosen(kept)

    def _of_rows(self, outputs: Sequence[Raw]) -> tuple[Candidates, NDArray[np.float64]]:
        detection = self._detection
        boxes, scores = outputs[detection.boxes][0], outputs[detection.scores][0]
        if scores.ndim == 1:
            scores = scores[:, np.newaxis]  # of one class
        elif detection.channels_first:
            scores = scores.T
        boxes = boxes.T if detection.channels_first else boxes
        objectness = None
        if detection.is_joined:
            objectness = scores[:, BOX] if detection.objectness else None
            scores = scores[:, BOX + detection.objectness :]
        found = self._candidates(scores, objectness)
        numbers = real(boxes[found.rows, :BOX], self._infos[detection.boxes])
        grid = self._grid[found.rows] if len(self._grid) else self._grid
        return found, decode(numbers, grid, detection, size=self._size)

    def _of_centres(self, outputs: Sequence[Raw]) -> tuple[Candidates, NDArray[np.float64]]:
        detection = self._detection
        places = (detection.scores, detection.boxes, detection.offsets)
        maps = [outputs[place][0] for place in places]
        if detection.channels_first:
            maps = [np.moveaxis(each, 0, -1) for each in maps]
        heat, sizes, offsets = maps
        rows, columns, classes = heat.shape
        found = self._candidates(heat.reshape(-1, classes), None)
        top = _peaks(heat, found, first=1 if detection.background else 0)
        found = Candidates(
            rows=found.rows[top], classes=found.classes[top], scores=found.scores[top]
        )
        at = np.divmod(found.rows, columns)
        corners = decode_centres(
            real(sizes[at], self._infos[detection.boxes]),
            real(offsets[at], self._infos[detection.offsets]),
            found.rows,
            (rows, columns),
            detection,
            size=self._size,
        )
        return found, corners

    def _candidates(self, scores: Raw, objectness: Raw | None) -> Candidates:
        return candidates(
            scores,
            self._infos[self._detection.scores],
            activation=self._activation,
            threshold=self._detection.score_threshold,
            background=self._detection.background,
            objectness=objectness,
        )


def _peaks(heat: Raw, found: Candidates, *, first: int) -> NDArray[np.bool_]:
    """Return which candidates have no higher score of their class in the cells around them."""
    rows, columns, _ = heat.shape
    row, column = np.divmod(found.rows, columns)
    own = heat[row, column, found.classes + first]
    is_peak = np.ones(len(own), np.bool_)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            beside = (row + down).clip(0, rows - 1), (column + right).clip(0, columns - 1)
            is_peak &= heat[(*beside, found.classes + first)] <= own
    return is_peak


def _listed(outputs: Sequence[Raw], infos: Sequence[TensorInfo], detection: Detection) -> Boxes:
    def flat(place: int) -> NDArray[np.float64]:
        return real(outputs[place].reshape(-1), infos[place])

    scores = flat(detection.scores)
    count = min(max(int(flat(detection.count)[0]), 0), len(scores))
    boxes = real(outputs[detection.boxes].reshape(-1, BOX)[:count], infos[detection.boxes])
    corners = decode(boxes, np.empty((0, 6)), detection, size=(1, 1))
    classes = np.rint(flat(detection.classes)[:count]).astype(np.int64) - detection.background
    order = np.argsort(-scores[:count], kind="stable")
    order = order[(scores[order] >= detection.score_threshold) & (classes[order] >= 0)]
    found = Boxes(corners=corners, classes=classes, scores=scores[:count])
    return found.chosen(order[: detection.most_boxes])
