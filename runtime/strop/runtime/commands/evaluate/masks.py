"""`strop evaluate` of segmentation models: IoU with masks, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from strop import console
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.classify.mask_agreement import MapComparison, MapCounts
from strop.runtime.classify.truth import evenly
from strop.runtime.commands.evaluate.picture_answers import (
    PictureAnswers,
    PicturesRequest,
    maps_of,
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
from strop.runtime.engines import open_engine
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.errors import ContractError, ImageError
from strop.runtime.images.dataset import list_images
from strop.runtime.images.masks import masks_of, true_classes

MAP_RANKS = (3, 4)


def gives_map(opening: Opening, *, may_open: bool = True) -> bool:
    """Whether the contract says so, or a file without one has a map, as no classifier has.

    Args:
        opening: Of the artifact.
        may_open: Whether an engine may look at a file without a contract; False is no map then.
    """
    contract = read_contract(opening.artifact)
    task = opening.given.task or (contract and contract.task)
    if task is not None or contract is not None:
        return task is Task.SEGMENT
    if not may_open:
        return False
    with open_engine(opening.artifact, engine=opening.engine) as engine:
        return len(engine.outputs) == 1 and _is_map(engine.output)


def _is_map(output: TensorInfo) -> bool:
    sides = [side for side in output.shape[1:] if side != 1]
    return len(output.shape) in MAP_RANKS and len(sides) > 1


def _refuse_several(opening: Opening) -> None:
    """Name the outputs of a file that has a map beside others."""
    with open_engine(opening.artifact, engine=opening.engine) as engine:
        found = [str(list(output.shape)) for output in engine.outputs]
    if len(found) > 1:
        raise ContractError(
            f"{opening.artifact}: has {len(found)} outputs ({', '.join(found)}), and masks are"
            " compared with a file whose only output is a map; leave --masks out and give --task"
            " NAME=TASK for the others, or evaluate a file of the map alone"
        )


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
    if options.target is None:
        _refuse_several(opening)
    images = evenly(list_images(options.folder), options.limit)
    masks = None if options.masks is None else masks_of(images, options.folder, options.masks)
    request = PicturesRequest(
        opening=opening, folder=options.folder, against=options.against, are_maps=True
    )

    def echo(segmenter: Classifier) -> None:
        console.settings(f"evaluate {options.artifact}", settings(segmenter))

    with maps_of(request, images, target_of(options), echo=echo) as answers:
        compared = _compared(answers, len(images), masks)
        print_figures(options, answers.opened.engine, _figures(compared, answers.opened.labels))
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.truth:
        raise ImageError(
            f"{options.artifact}: gives maps, for which there is no --truth; give --masks DIR"
        )
    if options.masks is None and options.against is None:
        raise ImageError(
            f"{options.artifact}: gives maps; give --masks DIR, what is true of them, or --against"
        )


def _compared(
    answers: PictureAnswers[MapAnswer], count: int, masks: Sequence[Path] | None
) -> MapComparison:
    counted = MapCounts()
    pairs = enumerate(console.progress(answers.pairs, count, "evaluate"))
    for at, (answer, against) in pairs:
        counted.add(
            answer.in_image(),
            None if against is None else against.in_image(),
            None if masks is None else true_classes(masks[at], answer.size, answers.opened.classes),
        )
    return counted.comparison


def _figures(compared: MapComparison, labels: Sequence[str]) -> Figures:
    return Figures(
        labels=labels,
        compared=compared,
        rows=tuple(_rows(compared)),
        measure="IoU",
        by_class=None if compared.found is None else compared.found.ious,
    )


def _rows(compared: MapComparison) -> Iterator[Row]:
    for found, mean, pixels in (
        (compared.found, "mean IoU", "pixels right"),
        (compared.reference, "mean IoU of the reference", "pixels right of the reference"),
        (compared.between, "mean IoU with the reference", "same class as the reference, pixels"),
    ):
        if found is not None:
            yield figure_row(mean, found.mean_iou, found.images)
            yield figure_row(pixels, found.pixels, found.images)
    if compared.drop is not None:
        yield figure_row("mean IoU drop from the reference", compared.drop)
