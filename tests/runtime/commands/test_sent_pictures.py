"""Maps and boxes as a board sends them: whole, and with what no image has."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest

from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.commands.evaluate.sent_pictures import (
    MAX_PICTURE,
    SentBoxes,
    SentMap,
    SentPicture,
    read_boxes,
    read_map,
    sent_boxes,
    sent_map,
)
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.errors import MeasurementError

LABELS = ("shoe", "bag")


def test_boxes_and_maps_come_back_as_they_were() -> None:
    boxes = Boxes(
        corners=np.array([[0.1, 2, 3, 4], [0, 0, 1, 1 / 3]]),
        classes=np.array([1, 0]),
        scores=np.array([0.7, 1 / 7]),
    )
    again = read_boxes(sent_boxes(boxes), labels=LABELS, where="b")
    for field in ("corners", "classes", "scores"):
        np.testing.assert_array_equal(getattr(again, field), getattr(boxes, field))
    nothing = boxes.chosen(np.empty(0, np.int64))
    assert len(read_boxes(sent_boxes(nothing), labels=LABELS, where="b")) == 0
    classes = np.array([[0, 1, UNSEEN], [1, 1, 0]], np.uint8)
    found = MapAnswer(classes=classes, labels=LABELS, size=(30, 20), box=(-5, 0, 35, 20))
    back = read_map(sent_map(found), labels=LABELS, where="b")
    np.testing.assert_array_equal(back.classes, classes)
    assert (back.size, back.box, back.labels) == (found.size, found.box, LABELS)


ONE = SentBoxes(corners=((0.0, 0.0, 1.0, 1.0),), classes=(0,), scores=(0.5,))


@pytest.mark.parametrize(
    "sent",
    [
        SentPicture(),
        SentPicture(boxes=replace(ONE, classes=())),
        SentPicture(boxes=replace(ONE, classes=(2,))),
        SentPicture(boxes=replace(ONE, classes=(-1,))),
        SentPicture(boxes=replace(ONE, scores=(float("nan"),))),
        SentPicture(boxes=replace(ONE, corners=((0.0, 0.0, float("inf"), 1.0),))),
        SentPicture(
            boxes=SentBoxes(
                corners=ONE.corners * 1001, classes=ONE.classes * 1001, scores=ONE.scores * 1001
            )
        ),
    ],
)
def test_boxes_that_no_detector_finds_are_refused(sent: SentPicture) -> None:
    with pytest.raises(MeasurementError, match=r"b: .*; is that board yours\?"):
        read_boxes(sent, labels=LABELS, where="b")


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


FOUR = SentMap(rows=2, columns=2, classes=packed(b"\0\1\1\0"), size=(9, 9), box=(0, 0, 9, 9))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        replace(FOUR, rows=0),
        replace(FOUR, rows=1 << 40, columns=1 << 40),
        replace(FOUR, size=(MAX_PICTURE, 2)),
        replace(FOUR, box=(0, 0, MAX_PICTURE, 2)),
        replace(FOUR, box=(9, 0, 9, 9)),
        replace(FOUR, classes=packed(b"\0\1\2\0")),
        replace(FOUR, classes=packed(b"\0" * 10_000_000)),
        replace(FOUR, classes=packed(b"\0\1\1")),
        replace(FOUR, classes="AAAA"),
        replace(FOUR, classes="A"),
        replace(FOUR, classes="\udcff"),
    ],
)
def test_maps_that_no_image_has_are_refused(sent: SentMap | None) -> None:
    with pytest.raises(MeasurementError, match=r"b: .*(is that board yours\?|measure again)"):
        read_map(SentPicture(map=sent), labels=LABELS, where="b")
