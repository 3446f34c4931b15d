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
from strop.runtime.commands.evaluate.picture_figures import (
    Figures,
    Row,
    figure_row,
    opened_with_reference,
    print_figures,
)
from strop.runtime.commands.flags.contract import Opening, open_as_given, opening_from_flags
from strop.runtime.commands.notes import settings
from strop.runtime.detect.average_precision import (
    LEAST_SCORE,
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
    with opened_with_reference(opening, options.against, open_as_given) as (detector, against):
        console.settings(f"evaluate {options.artifact}", settings(detector))
        truth = None
        if truth_file is not None:
            labels = detector.box_labels
            truth = read_box_truth(truth_file, options.folder, images, labels=labels)
        compared = _compared(detector, against, images, truth)
        labels = detector.box_labels or (() if truth is None else truth.labels)
        print_figures(options, detector, _figures(compared, labels))
    return 0


def _truth_file(options: argparse.Namespace) -> Path | None:
    if options.target is not None:
        raise ImageError(f"{options.artifact}: gives boxes, which are not compared on a board yet")
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


def _compared(
    detector: Classifier,
    against: Classifier | None,
    images: Sequence[Path],
    truth: BoxTruth | None,
) -> Compared:
    found: list[Boxes] = []
    others: list[Boxes] = []
    for path in console.progress(images, len(images), "evaluate"):
        found.append(_boxes(detector, path))
        if against is not None:
            others.append(_boxes(against, path))
    own = other = between = None
    if truth is not None:
        own = Matches(found, truth.pictures)
        other = Matches(others, truth.pictures) if against is not None else None
    if against is not None and against.contract.detection is not None:
        least = against.contract.detection.score_threshold
        between = box_precision(Matches(found, [as_truth(each, least) for each in others]))
    return Compared(
        found=None if own is None else box_precision(own),
        reference=None if other is None else box_precision(other),
        between=between,
        drop=None if own is None or other is None else precision_drop(other, own),
    )


def _boxes(detector: Classifier, path: Path) -> Boxes:
    detection = detector.contract.detection
    least = LEAST_SCORE if detection is None else min(LEAST_SCORE, detection.score_threshold)
    return detector.raw_boxes(path, score_threshold=least)


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
