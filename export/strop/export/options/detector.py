"""Decides the options of a detector: its detection, its classes, and what is in the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from strop.export.options.options import ExportOptions, OutputOptions
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.artifact.detection import BoxCoding, Detection
from strop.runtime.classify.decision import Decision, decide
from strop.runtime.detect.box_truth import read_box_truth
from strop.runtime.detect.check_outputs import check_outputs
from strop.runtime.detect.detection_file import DETECTION, detection_path
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import list_images


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorRequest:
    """What is asked for of a detector.

    Attributes:
        labels: Of the classes without the background; empty for those of the truth.
        validation_data: Folder of the images of the certificate; None for none.
        truth: COCO file, or folder of VOC files, of these; None where it is unknown.
    """

    labels: tuple[str, ...] = ()
    validation_data: Path | None = None
    truth: Path | None = None


def detection_of(given: Detection | None, task: Task | None, source: Source) -> Detection | None:
    """Return the detection that is given, beside the model, or its own; None of no detector.

    Raises:
        SourceError: The task is detect, and there is none.
        ContractError: The file beside the model cannot be read.
    """
    if given is not None or task not in (None, Task.DETECT):
        return given
    if source.file is not None:
        beside = detection_path(Path(source.file))
        if beside.is_file():
            return DETECTION.read(beside)
    if source.detection is not None:
        return source.detection
    if task is Task.DETECT or source.task is Task.DETECT:
        raise SourceError(
            f"{source.name}: the task is detect, and nothing says how a box is coded and where its"
            " anchors are; give --detection FILE.json (docs/detect.md)"
        )
    return None


def judged_by(decisions: Sequence[Decision], detection: Detection | None) -> list[Decision]:
    """Say how the outputs judge the steps of the quantization: scores of boxes by their shares.

    Each box of a softmax is judged like a pixel of a map, each score of a sigmoid as a label. Boxes
    themselves, what has both in one output, and a softmax over channels that come first, are
    judged as numbers.

    Args:
        decisions: Of the outputs, with the activations that were cut off them.
        detection: How boxes are read; None of no detector, whose decisions stay.
    """
    found = list(decisions)
    if detection is None or detection.is_joined or detection.coding is BoxCoding.LISTED:
        return found
    scores = found[detection.scores]
    activation = scores.activation
    if activation is Activation.NONE:
        activation = Activation(detection.activation.value)
    classes = scores.shape[-1] if scores.shape else 1
    if activation is Activation.SOFTMAX and classes > 1 and not detection.channels_first:
        shape = (scores.scores // classes, 1, classes)
        judged = replace(scores, task=Task.SEGMENT, activation=activation, shape=shape)
    elif activation is Activation.SIGMOID:
        limits = (detection.score_threshold,) * scores.scores
        judged = replace(
            scores, task=Task.MULTILABEL, activation=activation, thresholds=limits, shape=()
        )
    else:
        return found
    found[detection.scores] = judged
    return found


def with_detection(
    settings: ExportOptions, request: DetectorRequest, source: Source, detection: Detection
) -> ExportOptions:
    """Decide what each output is, and read what is in the validation images.

    Raises:
        ContractError: The outputs do not fit the detection, or the labels do not fit the classes.
        ImageError: A folder or the truth cannot be used.
    """
    paths = () if request.validation_data is None else list_images(request.validation_data)
    labels, boxes = request.labels, None
    if request.validation_data is not None and request.truth is not None:
        boxes = read_box_truth(request.truth, request.validation_data, paths, labels=labels)
        labels = boxes.labels
    shapes = [(1, *shape) for shape in source.shapes]
    check_outputs(shapes, detection, labels=len(labels), where=source.name)
    decisions = [
        decide(prod(shape), Activation.NONE, task=Task.DETECT, shape=shape, where=source.name)
        for shape in source.shapes
    ]
    settings = replace(settings, validation=paths, detection=detection, boxes=boxes)
    if len(decisions) == 1:
        return replace(settings, decision=decisions[0], labels=labels)
    return replace(
        settings,
        outputs=tuple(
            OutputOptions(
                name=name,
                decision=decision,
                labels=labels if place == detection.scores else (),
            )
            for place, (name, decision) in enumerate(zip(source.outputs, decisions, strict=True))
        ),
    )
