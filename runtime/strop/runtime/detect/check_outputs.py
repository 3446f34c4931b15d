"""Refuses outputs that are not what a contract's detection says of them."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.artifact.detection import BoxCoding, Detection
from strop.runtime.detect.anchors import anchors_of
from strop.runtime.detect.read_boxes import BOX
from strop.runtime.errors import ContractError

Shapes = Sequence[Sequence[int]]
CENTRES, LISTED = BoxCoding.CENTRES, BoxCoding.LISTED


def check_outputs(shapes: Shapes, detection: Detection, *, labels: int, where: str) -> None:
    """Pass outputs that the detection can be read from.

    Args:
        shapes: Of all outputs, with their first side 1.
        detection: Says what they are.
        labels: How many there are; 0 for none.
        where: The artifact, for errors.

    Raises:
        ContractError: An output is not there, has another shape, or there are more or fewer
            anchors or labels than it needs.
    """
    if max(detection.places) >= len(shapes):
        raise ContractError(
            f"{where}: its detection reads outputs {list(detection.places)}, and there are"
            f" {len(shapes)}; they are counted from 0"
        )
    if detection.coding is LISTED:
        return
    boxes, scores = tuple(shapes[detection.boxes]), tuple(shapes[detection.scores])
    classes = _classes_of_maps(shapes, detection, where)
    if classes is None:
        classes = _classes_of_rows(boxes, scores, detection, where)
    if labels and labels != classes:
        raise ContractError(
            f"{where}: {classes} classes of boxes, and {labels} labels; needed is one for each, and"
            f" none for a background ({'class 0' if detection.background else 'there is none'})"
        )


def _classes_of_rows(
    boxes: tuple[int, ...], scores: tuple[int, ...], detection: Detection, where: str
) -> int:
    if detection.channels_first:
        boxes, scores = ((each[0], *each[:0:-1]) for each in (boxes, scores))
    if len(scores) == 2:
        scores = (*scores, 1)  # of one class
    if detection.is_joined:
        before = BOX + detection.objectness
        fits = len(boxes) == 3 and boxes[2] > before
        classes = boxes[-1] - before
    else:
        fits = len(boxes) == len(scores) == 3 and boxes[1] == scores[1] and boxes[2] >= BOX
        classes = scores[-1] - detection.background
    if not fits or classes < 1:
        raise ContractError(
            f"{where}: its boxes are {list(boxes)} and its scores {list(scores)}; needed are"
            " [1, N, 4] and [1, N, classes], or one output of both; give what they are in the"
            " detection"
        )
    if detection.maps or detection.anchors:
        count = len(anchors_of(detection))
        if count != boxes[1]:
            raise ContractError(
                f"{where}: {boxes[1]} boxes and {count} anchors; needed is one for each, give the"
                " maps that the model was trained with"
            )
    return int(classes)


def _classes_of_maps(shapes: Shapes, detection: Detection, where: str) -> int | None:
    if detection.coding is not CENTRES:
        return None
    maps = [shapes[place] for place in (detection.scores, detection.boxes, detection.offsets)]
    if detection.channels_first:
        maps = [(each[0], *each[2:], each[1]) for each in maps]
    heat, *others = (tuple(each) for each in maps)
    if len(heat) != 4 or any(each != (*heat[:3], 2) for each in others):
        raise ContractError(
            f"{where}: its heat map is {list(heat)}, sizes and offsets are"
            f" {[list(each) for each in others]}; needed are [1, H, W, classes] and twice"
            " [1, H, W, 2]"
        )
    return heat[3] - detection.background
