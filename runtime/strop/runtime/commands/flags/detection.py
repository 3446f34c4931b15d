"""Makes the contract of a detector that strop did not write, of flags and what the file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import Format, detect_format
from strop.runtime.artifact.contract import Activation, Contract, OutputContract, Task
from strop.runtime.artifact.detection import BoxCoding, BoxOrder, Detection
from strop.runtime.artifact.tflite_metadata import read_tflite_metadata
from strop.runtime.classify.foreign import foreign_facts
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ContractError

LISTED = 4  # outputs of TFLite_Detection_PostProcess
BOX = 4
# What metadata calls its outputs. Source: tflite-support, metadata_writers/object_detector.py
CLASSES, SCORES = ("category", "class"), ("score",)
NEEDED = (
    "what its outputs are is unknown: which are boxes and which are scores, how a box is coded and"
    " where its anchors are; give --detection FILE.json (docs/detect.md)"
)


def detector_contract(
    path: Path,
    image: TensorInfo,
    outputs: Sequence[TensorInfo],
    detection: Detection | None,
    given: Mapping[str, Any],
) -> Contract:
    """Put together the contract of a foreign detector, and note what was taken from where.

    Args:
        path: Of the artifact.
        image: Its input.
        outputs: Its outputs.
        detection: By the user's word; None where only the file can say it.
        given: Other fields of the contract by the user's word.

    Raises:
        ContractError: Neither the user nor the file says enough.
    """
    if detection is None:
        detection = _listed(path, outputs)
    if max(detection.places) >= len(outputs):
        raise ContractError(
            f"{path}: its detection reads outputs {list(detection.places)}, and there are"
            f" {len(outputs)}; they are counted from 0"
        )
    known = {"task": Task.DETECT} | dict(given)
    known.setdefault("activation", Activation.NONE)  # the detection has one of its own
    facts = foreign_facts(path, image, outputs[detection.scores], known)
    whole = facts.whole_contract(
        "carries no contract, nor does it say elsewhere what {flags} would; give {flags}, and"
        " --labels for names"
    )
    for note in facts.notes:
        console.note(note)
    if len(outputs) == 1:
        return replace(whole, detection=detection)
    return replace(
        whole,
        detection=detection,
        activation=Activation.NONE,
        labels=(),
        task=None,
        outputs=tuple(_output(whole, place, detection) for place in range(len(outputs))),
    )


def _output(whole: Contract, place: int, detection: Detection) -> OutputContract:
    if place != detection.scores:
        return OutputContract(name=f"output_{place}", task=Task.DETECT)
    return OutputContract(
        name=f"output_{place}",
        task=Task.DETECT,
        activation=whole.activation,
        labels=whole.labels,
    )


def _listed(path: Path, outputs: Sequence[TensorInfo]) -> Detection:
    """Read the outputs of a file that suppresses boxes itself off their shapes and names."""
    shapes = [tuple(side for side in info.shape[1:] if side != 1) for info in outputs]
    boxes = [place for place, shape in enumerate(shapes) if shape[1:] == (BOX,)]
    counts = [place for place, info in enumerate(outputs) if info.size == 1]
    if len(outputs) != LISTED or len(boxes) != 1 or len(counts) != 1:
        raise ContractError(f"{path}: {NEEDED}")
    rest = [place for place in range(LISTED) if place not in (*boxes, *counts)]
    names = _names(path)
    classes = [place for place in rest if any(each in names[place] for each in CLASSES)]
    scores = [place for place in rest if any(each in names[place] for each in SCORES)]
    if len(classes) != 1 or len(scores) != 1 or classes == scores:
        raise ContractError(
            f"{path}: outputs {rest} are classes and scores, and no metadata says which is which;"
            " give --detection FILE.json (docs/detect.md)"
        )
    return Detection(
        coding=BoxCoding.LISTED,
        boxes=boxes[0],
        classes=classes[0],
        scores=scores[0],
        count=counts[0],
        order=BoxOrder.YXYX,
    )


def _names(path: Path) -> list[str]:
    """Return what the metadata calls the outputs; empty names where it says nothing."""
    metadata = read_tflite_metadata(path) if detect_format(path) is Format.TFLITE else None
    names = [] if metadata is None else [name.lower() for name in metadata.outputs]
    return names if len(names) == LISTED else [""] * LISTED
