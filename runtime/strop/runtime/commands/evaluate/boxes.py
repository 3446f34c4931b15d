"""`strop evaluate` of detectors: mean average precision, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.truth import evenly
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
from strop.runtime.engines import engine_that_fits
from strop.runtime.errors import ImageError
from strop.runtime.images.dataset import list_images
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.estimate import Estimate

FORMAT_VERSION = 1
COLUMNS = ("", "value", "95 % interval", "images")


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
    with ExitStack() as stack:
        detector = stack.enter_context(open_as_given(opening))
        console.settings(f"evaluate {options.artifact}", settings(detector))
        against = None
        if options.against is not None:
            engine = engine_that_fits(opening.engine, options.against)
            other = replace(opening, artifact=options.against, engine=engine)
            against = stack.enter_context(open_as_given(other))
        truth = None
        if truth_file is not None:
            labels = detector.box_labels
            truth = read_box_truth(truth_file, options.folder, images, labels=labels)
        compared = _compared(detector, against, images, truth)
        _print(options, detector, truth, compared)
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


def _print(
    options: argparse.Namespace,
    detector: Classifier,
    truth: BoxTruth | None,
    compared: Compared,
) -> None:
    labels = detector.box_labels or (() if truth is None else truth.labels)
    if options.json:
        console.json(
            {
                "format_version": FORMAT_VERSION,
                "strop_version": installed_version(),
                "artifact": options.artifact.name,
                "sha256": sha256_file(options.artifact),
                "engine": asdict(detector.facts),
                "labels": labels,
                "against": None if options.against is None else sha256_file(options.against),
                **asdict(compared),
            }
        )
        return
    console.table(COLUMNS, list(_rows(compared)))
    if compared.found is not None:
        console.gap()
        console.table(
            ("class", "mAP 50:95"),
            [
                (labels[place] if labels else str(place), f"{value:.4f}")
                for place, value in compared.found.by_class.items()
            ],
        )


def _rows(compared: Compared) -> Iterator[tuple[str, str, str, str]]:
    for found, whose in (
        (compared.found, ""),
        (compared.reference, " of the reference"),
        (compared.between, " with the reference's boxes"),
    ):
        if found is not None:
            yield _row(f"mAP 50:95{whose}", found.mean, str(found.images))
            yield _row(f"mAP 50{whose}", found.half, str(found.images))
    if compared.drop is not None:
        mean, half = compared.drop
        yield _row("mAP 50:95 drop from the reference", mean, "")
        yield _row("mAP 50 drop from the reference", half, "")


def _row(name: str, figure: Estimate, images: str) -> tuple[str, str, str, str]:
    between = f"{figure.interval.low:.4f} to {figure.interval.high:.4f}"
    return name, f"{figure.value:.4f}", between, images
