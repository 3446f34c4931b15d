"""The answer of a DETECT task: boxes in an image, in its own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.artifact.detection import Detection
from strop.runtime.detect.read_boxes import Boxes, BoxReader
from strop.runtime.engines.engine import Array, TensorInfo

if TYPE_CHECKING:
    from strop.runtime.images.seen import Seen


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundBox:
    """A box around something.

    Attributes:
        x: Of its left edge, in pixels of the upright image.
        y: Of its upper edge.
        width: > 0; the box does not reach out of the image.
        height: > 0.
        label: Of its class; the index in words where the contract has no labels.
        index: Of the class in the labels.
        score: How likely, after the contract's activation.
    """

    x: float
    y: float
    width: float
    height: float
    label: str
    index: int
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectAnswer:
    """Boxes, of a DETECT task.

    Attributes:
        boxes: The highest score first; empty where nothing was found.
    """

    boxes: tuple[FoundBox, ...]


def box_reader(
    contract: Contract, infos: Sequence[TensorInfo], *, score_threshold: float | None = None
) -> BoxReader:
    """Prepare what reads boxes out of an artifact's outputs.

    Args:
        contract: Of the artifact, with a detection.
        infos: Of its outputs.
        score_threshold: In place of the contract's.
    """
    detection = contract.detection
    if detection is None:
        raise TypeError("the contract has no detection")
    if score_threshold is not None:
        detection = replace(detection, score_threshold=score_threshold)
    return BoxReader(
        infos,
        detection,
        activation=score_activation(contract, detection),
        size=(contract.height, contract.width),
    )


def boxes_in_picture(outputs: Sequence[Array], reader: BoxReader, seen: Seen) -> Boxes:
    """Read boxes in the image's own pixels, cut off at its edges.

    Args:
        outputs: Of the artifact for one image.
        reader: For this artifact.
        seen: Which part of the image the artifact saw.
    """
    found = reader.read(outputs)
    left, top, right, bottom = seen.box
    width, height = seen.size
    corners = found.corners * (bottom - top, right - left, bottom - top, right - left)
    corners += (top, left, top, left)
    np.clip(corners, 0, (height, width, height, width), out=corners)
    inside = Boxes(corners=corners, classes=found.classes, scores=found.scores)
    has_area = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    return inside if has_area.all() else inside.chosen(np.flatnonzero(has_area))


def score_activation(contract: Contract, detection: Detection) -> Activation:
    """Return what makes probabilities of the scores: what was cut off, or what was never there."""
    outputs = contract.outputs
    cut = outputs[detection.scores].activation if outputs else contract.activation
    return Activation(detection.activation.value) if cut is Activation.NONE else cut


def answer_of_boxes(boxes: Boxes, labels: Sequence[str]) -> DetectAnswer:
    """Name the boxes of an image.

    Args:
        boxes: In pixels.
        labels: Of the classes without the background; a class beyond them is named by its index.
    """
    rows = zip(boxes.corners.tolist(), boxes.classes.tolist(), boxes.scores.tolist(), strict=True)
    return DetectAnswer(
        boxes=tuple(
            FoundBox(
                x=left,
                y=top,
                width=right - left,
                height=bottom - top,
                label=labels[index] if index < len(labels) else str(index),
                index=index,
                score=score,
            )
            for (top, left, bottom, right), index, score in rows
        )
    )
