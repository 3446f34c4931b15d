"""Writes maps and boxes of an image as a record, and reads them from a board, with limits."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np

from strop.runtime.artifact.contract import MAX_SIDE
from strop.runtime.artifact.detection import MAX_BOXES
from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.errors import MeasurementError

MAX_PICTURE = 1 << 28  # pixels of an image, and of what a model saw of it with its padding
REMEDY = "is that board yours?"
Corners = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SentBoxes:
    """As Boxes, in pixels of the image."""

    corners: tuple[Corners, ...]
    classes: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMap:
    """As MapAnswer; its classes are deflated, and written in base64."""

    rows: int
    columns: int
    classes: str
    size: tuple[int, int]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SentPicture:
    """The answer to an image: boxes, or a map."""

    boxes: SentBoxes | None = None
    map: SentMap | None = None


def sent_boxes(found: Boxes) -> SentPicture:
    """Write boxes."""
    return SentPicture(
        boxes=SentBoxes(
            corners=tuple(
                (top, left, low, right) for top, left, low, right in found.corners.tolist()
            ),
            classes=tuple(found.classes.tolist()),
            scores=tuple(found.scores.tolist()),
        )
    )


def sent_map(found: MapAnswer) -> SentPicture:
    """Write a map."""
    rows, columns = found.classes.shape
    packed = zlib.compress(np.ascontiguousarray(found.classes).tobytes())
    text = base64.b64encode(packed).decode("ascii")
    return SentPicture(
        map=SentMap(rows=rows, columns=columns, classes=text, size=found.size, box=found.box)
    )


def read_boxes(sent: SentPicture, *, labels: tuple[str, ...], where: str) -> Boxes:
    """Read boxes.

    Args:
        sent: By a board.
        labels: Of the classes; empty if they are unknown.
        where: Named in the error.

    Raises:
        MeasurementError: There are none, too many, or numbers that no boxes have.
    """
    boxes = sent.boxes
    count = -1 if boxes is None else len(boxes.scores)
    if boxes is None or count > MAX_BOXES or {len(boxes.corners), len(boxes.classes)} != {count}:
        raise MeasurementError(f"{where}: its answer is no boxes, up to {MAX_BOXES}; {REMEDY}")
    corners = np.array(boxes.corners, np.float64).reshape(-1, 4)
    scores = np.array(boxes.scores, np.float64)
    most = len(labels) or np.iinfo(np.int32).max
    if not (
        np.isfinite(corners).all()
        and np.isfinite(scores).all()
        and all(0 <= each < most for each in boxes.classes)
    ):
        raise MeasurementError(f"{where}: boxes of numbers or classes that none has; {REMEDY}")
    return Boxes(corners=corners, classes=np.array(boxes.classes, np.int64), scores=scores)


def read_map(sent: SentPicture, *, labels: tuple[str, ...], where: str) -> MapAnswer:
    """Read a map.

    Args:
        sent: By a board.
        labels: Of the classes; empty if they are unknown.
        where: Named in the error.

    Raises:
        MeasurementError: There is none, or one that no image has.
    """
    found = sent.map
    if found is None or not _is_possible(found):
        raise MeasurementError(f"{where}: its answer is no map of an image; {REMEDY}")
    count = found.rows * found.columns
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(found.classes), count + 1)
    except (binascii.Error, zlib.error, ValueError) as err:
        raise MeasurementError(f"{where}: its map is damaged ({err}); measure again") from err
    classes = np.frombuffer(content, np.uint8)
    most = len(labels) or UNSEEN
    if len(classes) != count or (classes[classes != UNSEEN] >= most).any():
        raise MeasurementError(f"{where}: a map of other pixels or classes; {REMEDY}")
    return MapAnswer(
        classes=classes.reshape(found.rows, found.columns),
        labels=labels,
        size=found.size,
        box=found.box,
    )


def _is_possible(found: SentMap) -> bool:
    left, top, right, bottom = found.box
    width, height = found.size
    sides = (right - left, bottom - top)
    return (
        min(found.rows, found.columns) >= 1
        and max(found.rows, found.columns) <= MAX_SIDE
        and min(width, height, *sides) >= 1
        and width * height <= MAX_PICTURE
        and sides[0] * sides[1] <= MAX_PICTURE
    )
