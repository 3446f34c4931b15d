"""Answers to one image by the float model and by a file: both drawn, and what differs in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.export.bundle.certificate_text import percent
from strop.export.certify.certify_boxes import float_boxes
from strop.export.ir.graph import Array
from strop.export.source.source import Source
from strop.runtime import Classifier
from strop.runtime.artifact.detection import Detection
from strop.runtime.classify.answer_drawing import with_boxes, with_points
from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.decision import Decision, answers
from strop.runtime.classify.detect_answer import FoundBox, answer_of_boxes
from strop.runtime.classify.landmarks import Landmark, LandmarksAnswer, landmarks_of
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.classify.map_drawing import laid_over
from strop.runtime.detect.overlap import overlaps
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.images.seen import Seen

SAME_IOU = 0.5  # of two boxes of a class that are taken for the same
MOST_NAMED, LONGEST = 3, 40  # boxes, and letters of a label


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Question:
    """An image that both are asked about.

    Attributes:
        path: Its file.
        picture: The image, RGB, of any scale; it is not changed.
        seen: What the models see of it.
        row: The float model's numbers, [numbers].
        opened: The file.
    """

    path: Path
    picture: Image.Image
    seen: Seen
    row: Array
    opened: Classifier


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both answers: pictures with them, and their difference in words."""

    of_float: Image.Image
    of_file: Image.Image
    difference: str


def maps_of_both(asked: Question, *, decision: Decision) -> Pair:
    """Lay the colours of both maps over the picture."""
    answer = asked.opened.class_map(asked.path)
    own = answers(decision, asked.row[None])[0].astype(np.uint8).reshape(answer.classes.shape)
    # Padding says nothing in either.
    own = np.where(answer.classes == UNSEEN, np.uint8(UNSEEN), own)
    return Pair(
        of_float=laid_over(asked.picture.copy(), replace(answer, classes=own)),
        of_file=laid_over(asked.picture.copy(), answer),
        difference=_of_maps(own, answer),
    )


def _of_maps(own: NDArray[np.uint8], answer: MapAnswer) -> str:
    differs = own != answer.classes
    count = int((answer.classes != UNSEEN).sum())
    said = f"the same class on {percent(1 - differs.sum() / count)} of the pixels"
    if not differs.any():
        return said
    pairs, counts = np.unique(
        np.stack((own[differs], answer.classes[differs])), axis=1, return_counts=True
    )
    most = int(counts.argmax())
    first, second = (_short(answer.name(int(place))) for place in pairs[:, most])
    return f"{said}; {percent(counts[most] / count)} are {first} by float and {second} by the file"


def boxes_of_both(asked: Question, *, source: Source, detection: Detection) -> Pair:
    """Draw the boxes of both."""
    opened, seen = asked.opened, asked.seen
    threshold = detection.score_threshold
    own = float_boxes(source, asked.row, seen, opened.contract, score_threshold=threshold)
    found = opened.raw_boxes(asked.path)
    of_float, of_file = (
        [
            replace(box, label=_short(box.label))
            for box in answer_of_boxes(each, opened.box_labels).boxes
        ]
        for each in (own, found)
    )
    return Pair(
        of_float=with_boxes(asked.picture, of_float, seen.size),
        of_file=with_boxes(asked.picture, of_file, seen.size),
        difference=difference_of_boxes((own, of_float), (found, of_file)),
    )


def difference_of_boxes(
    own: tuple[Boxes, Sequence[FoundBox]], found: tuple[Boxes, Sequence[FoundBox]]
) -> str:
    """Say which boxes both have and which are of one alone.

    Args:
        own: The float model's, as numbers and with their labels.
        found: The file's.
    """
    pairs = _matched(own[0], found[0])
    said = ["no box by either" if not len(own[0]) and not len(found[0]) else ""]
    if pairs:
        least = min(iou for _, _, iou in pairs)
        apart = max(abs(own[0].scores[one] - found[0].scores[other]) for one, other, _ in pairs)
        boxes = "1 box" if len(pairs) == 1 else f"{len(pairs)} boxes"
        said.append(f"{boxes} of both, IoU {least:.2f} or more, scores at most {apart:.2f} apart")
    for whose, (_, boxes_of_one), at in (("float", own, 0), ("the file", found, 1)):
        taken = {pair[at] for pair in pairs}
        alone = [box for place, box in enumerate(boxes_of_one) if place not in taken]
        if alone:
            named = ", ".join(f"{box.label} {box.score:.2f}" for box in alone[:MOST_NAMED])
            more = len(alone) - MOST_NAMED
            said.append(f"{whose} alone: {named}" + (f" and {more} more" if more > 0 else ""))
    return "; ".join(filter(None, said))


def _matched(own: Boxes, found: Boxes) -> list[tuple[int, int, float]]:
    """Pair boxes of a class, the highest score of the first ones first, each with the nearest left.

    Returns:
        Places in both, and what the two boxes share over what both cover.
    """
    ious = overlaps(own.corners, found.corners)
    ious[own.classes[:, np.newaxis] != found.classes] = 0
    pairs = []
    for place in range(len(own)):
        best = int(ious[place].argmax()) if len(found) else 0
        if len(found) and ious[place, best] >= SAME_IOU:
            pairs.append((place, best, float(ious[place, best])))
            ious[:, best] = 0
    return pairs


def points_of_both(asked: Question, *, source: Source, place: int, decision: Decision) -> Pair:
    """Draw the points of both, of one output."""
    head, seen = asked.opened.heads[place], asked.seen
    info = TensorInfo(shape=source.shapes[place], dtype="float32")
    raw = asked.row[source.columns[place]].astype(np.float32).reshape(info.shape)
    answer = tuple(asked.opened.answer(asked.path).outputs.values())[place]
    if not isinstance(answer, LandmarksAnswer):
        raise TypeError(f"{head.name}: no points")
    own = _shortened(landmarks_of(decision, head.contract.labels, raw, info, seen.box))
    found = _shortened(answer)
    apart = np.array([np.hypot(a.x - b.x, a.y - b.y) for a, b in zip(own, found, strict=True)])
    most = int(apart.argmax())
    side = max(seen.size)
    output = f"{head.name}: " if asked.opened.has_several_outputs else ""
    return Pair(
        of_float=with_points(asked.picture, own, seen.size),
        of_file=with_points(asked.picture, found, seen.size),
        difference=f"{output}points {percent(apart.mean() / side)} of the longer side apart in the"
        f" mean, {percent(apart[most] / side)} at most ({own[most].label},"
        f" {apart[most]:.1f} of {side} pixels)",
    )


def _shortened(answer: LandmarksAnswer) -> list[Landmark]:
    return [replace(point, label=_short(point.label)) for point in answer.points]


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[:LONGEST]}..."
