"""`strop evaluate` of segmentation models: IoU with masks, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.map_answer import known_classes, map_labels
from strop.runtime.classify.mask_agreement import MapComparison, MapCounts
from strop.runtime.classify.truth import evenly
from strop.runtime.commands.flags.contract import Opening, opening_from_flags
from strop.runtime.commands.run.masks import open_segmenter
from strop.runtime.engines import engine_that_fits, open_engine
from strop.runtime.errors import ImageError
from strop.runtime.images.dataset import list_images
from strop.runtime.images.masks import masks_of, true_classes
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.estimate import Estimate

FORMAT_VERSION = 1
COLUMNS = ("", "value", "95 % interval", "images")
MAP_RANKS = (3, 4)


def gives_map(opening: Opening) -> bool:
    """Whether the contract says so, or a file without one has a map, as no classifier has."""
    contract = read_contract(opening.artifact)
    task = opening.given.task or (contract and contract.task)
    if task is not None or contract is not None:
        return task is Task.SEGMENT
    with open_engine(opening.artifact, engine=opening.engine) as engine:
        shape = engine.output.shape
    return len(shape) in MAP_RANKS and len([side for side in shape[1:] if side != 1]) > 1


def evaluate_masks(options: argparse.Namespace) -> int:
    """Compare maps and print the figures.

    Returns:
        0.

    Raises:
        StropError: Flags that do not go together, masks that do not fit, or as
            `Classifier.class_map`.
    """
    _check(options)
    opening = opening_from_flags(options)
    images = evenly(list_images(options.folder), options.limit)
    masks = None if options.masks is None else masks_of(images, options.folder, options.masks)
    with ExitStack() as stack:
        segmenter = stack.enter_context(open_segmenter(opening))
        against = None
        if options.against is not None:
            engine = engine_that_fits(opening.engine, options.against)
            other = replace(opening, artifact=options.against, engine=engine)
            against = stack.enter_context(open_segmenter(other))
        compared = _compared(segmenter, against, images, masks)
        _print(options, segmenter, compared)
    return 0


def _check(options: argparse.Namespace) -> None:
    others = [f"--{name}" for name in ("truth", "target") if getattr(options, name)]
    if others:
        raise ImageError(f"{options.artifact}: gives maps, for which there is no {others[0]}")
    if options.masks is None and options.against is None:
        raise ImageError(
            f"{options.artifact}: gives maps; give --masks DIR, what is true of them, or --against"
        )


def _compared(
    segmenter: Classifier,
    against: Classifier | None,
    images: Sequence[Path],
    masks: Sequence[Path] | None,
) -> MapComparison:
    counted = MapCounts()
    classes = known_classes(segmenter.contract, segmenter.output)
    for at in console.progress(range(len(images)), len(images), "evaluate"):
        answer = segmenter.class_map(images[at])
        counted.add(
            answer.in_image(),
            None if against is None else against.class_map(images[at]).in_image(),
            None if masks is None else true_classes(masks[at], answer.size, classes),
        )
    return counted.comparison


def _print(options: argparse.Namespace, segmenter: Classifier, compared: MapComparison) -> None:
    labels = map_labels(segmenter.contract)
    if options.json:
        console.json(
            {
                "format_version": FORMAT_VERSION,
                "strop_version": installed_version(),
                "artifact": options.artifact.name,
                "sha256": sha256_file(options.artifact),
                "engine": asdict(segmenter.facts),
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
            ("class", "IoU"),
            [
                (labels[place] if labels else str(place), f"{iou:.4f}")
                for place, iou in compared.found.ious.items()
            ],
        )


def _rows(compared: MapComparison) -> Iterator[tuple[str, str, str, str]]:
    for found, mean, pixels in (
        (compared.found, "mean IoU", "pixels right"),
        (compared.reference, "mean IoU of the reference", "pixels right of the reference"),
        (compared.between, "mean IoU with the reference", "same class as the reference, pixels"),
    ):
        if found is not None:
            yield _row(mean, found.mean_iou, str(found.images))
            yield _row(pixels, found.pixels, str(found.images))
    if compared.drop is not None:
        yield _row("mean IoU drop from the reference", compared.drop, "")


def _row(name: str, figure: Estimate, images: str) -> tuple[str, str, str, str]:
    between = f"{figure.interval.low:.4f} to {figure.interval.high:.4f}"
    return name, f"{figure.value:.4f}", between, images
