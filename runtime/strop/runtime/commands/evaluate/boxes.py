"""`strop evaluate` of detectors: mean average precision, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.truth import evenly
from strop.runtime.commands.evaluate.picture_answers import (
    PictureAnswers,
    PicturesRequest,
    boxes_of,
)
from strop.runtime.commands.evaluate.picture_figures import (
    Figures,
    Row,
    figure_row,
    print_figures,
)
from strop.runtime.commands.flags.contract import Opening, opening_from_flags
from strop.runtime.commands.flags.target import target_of
from strop.runtime.commands.notes import settings
from strop.runtime.detect.average_precision import (
    BoxPrecision,
    Matches,
    as_truth,
    box_precision,
    precision_drop,
)
from strop.runtime.detect.box_truth import BoxTruth, read_box_truth
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.errors import ImageError
from strop.runtime.images.dataset import list_images
from strop.runtime.statistics.estimate import Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What was found over all images; None where there are no boxes, or no reference.

    Attributes:
        found: The artifact's boxes against those of the truth.
        reference: The reference's against those of the truth.
        between: The artifact's against the reference's.
        drop: Of both figures, from the reference's to the artifact's.
    """

    found: BoxPrecision | None
    reference: BoxPrecision | None
    between: BoxPrecision | None
    drop: tuple[Estimate, Estimate] | None


def gives_boxes(opening: Opening) -> bool:
    """Whether flags or the artifact's contract say that it is a detector."""
    if opening.given.detection is not None or opening.given.task is Task.DETECT:
        return True
    contract = read_contract(opening.artifact)
    return contract is not None and contract.detection is not None


def evaluate_boxes(options: argparse.Namespace) -> int:
    """Count how well boxes are found, and print the figures.

    Returns:
        0.

    Raises:
        StropError: Flags that do not go together, truth that does not fit, or as
            `Classifier.boxes`.
    """
    truth_file = _truth_file(options)
    opening = opening_from_flags(options)
    images = evenly(list_images(options.folder), options.limit)
    request = PicturesRequest(opening=opening, folder=options.folder, against=options.against)

    def echo(detector: Classifier) -> None:
        console.settings(f"evaluate {options.artifact}", settings(detector))

    with boxes_of(request, images, target_of(options), echo=echo) as answers:
        truth = None
        labels = answers.opened.labels
        if truth_file is not None:
            truth = read_box_truth(truth_file, options.folder, images, labels=labels)
        compared = _compared(answers, len(images), truth)
        labels = labels or (() if truth is None else truth.labels)
        print_figures(options, answers.opened.engine, _figures(compared, labels))
    for found, where in (
        (compared.found, f"no box in {truth_file}"),
        (compared.between, f"{options.against} finds no box at its threshold in these images"),
    ):
        if found is not None and not found.boxes:
            console.note(f"{where}, so that a mean average precision of 0 says nothing")
    return 0


def _truth_file(options: argparse.Namespace) -> Path | None:
    given = options.truth or []
    if len(given) > 1 or any(each.output for each in given):
        raise ImageError(
            f"{options.artifact}: gives boxes; give one --truth, a COCO file or folder"
        )
    if not given and options.against is None:
        raise ImageError(
            f"{options.artifact}: gives boxes; give --truth, a COCO file or a folder of VOC files,"
            " or --against"
        )
    return given[0].value if given else None


def _compared(answers: PictureAnswers[Boxes], count: int, truth: BoxTruth | None) -> Compared:
    found: list[Boxes] = []
    others: list[Boxes] = []
    for own_boxes, other_boxes in console.progress(answers.pairs, count, "evaluate"):
        found.append(own_boxes)
        if other_boxes is not None:
            others.append(other_boxes)
    own = other = between = None
    if truth is not None:
        own = Matches(found, truth.pictures)
        other = Matches(others, truth.pictures) if others else None
    least = answers.opened.least
    if least is not None:
        between = box_precision(Matches(found, [as_truth(each, least) for each in others]))
    return Compared(
        found=None if own is None else box_precision(own),
        reference=None if other is None else box_precision(other),
        between=between,
        drop=None if own is None or other is None else precision_drop(other, own),
    )


def _figures(compared: Compared, labels: Sequence[str]) -> Figures:
    return Figures(
        labels=labels,
        compared=compared,
        rows=tuple(_rows(compared)),
        measure="mAP 50:95",
        by_class=None if compared.found is None else compared.found.by_class,
    )


def _rows(compared: Compared) -> Iterator[Row]:
    for found, whose in (
        (compared.found, ""),
        (compared.reference, " of the reference"),
        (compared.between, " with the reference's boxes"),
    ):
        if found is not None:
            yield figure_row(f"mAP 50:95{whose}", found.mean, found.images)
            yield figure_row(f"mAP 50{whose}", found.half, found.images)
    if compared.drop is not None:
        mean, half = compared.drop
        yield figure_row("mAP 50:95 drop from the reference", mean)
        yield figure_row("mAP 50 drop from the reference", half)
