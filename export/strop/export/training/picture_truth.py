"""Finds the masks or boxes of a training's images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strop.export.training.boxes import BoxLists
from strop.export.training.heads import Head
from strop.export.training.images import Images
from strop.export.training.masks import MaskFiles
from strop.export.training.targets import Table
from strop.runtime.artifact.contract import Task
from strop.runtime.detect.box_truth import read_box_truth
from strop.runtime.errors import ImageError, SourceError
from strop.runtime.images.dataset import read_labels
from strop.runtime.images.masks import masks_of


def with_pictures(
    images: Images, head: Head, training: Table, validation: Table, *, labels: Path | None
) -> Images:
    """Add masks or boxes to images.

    Args:
        images: Without them.
        head: Of SEGMENT or DETECT.
        training: Where the answers for the images that are learned from are.
        validation: The same for the others.
        labels: A file of them; of masks the background is the first.

    Raises:
        SourceError: Masks have no labels.
        ImageError: An image has no mask, or boxes cannot be used.
        ContractError: The labels cannot be read.
    """
    names = () if labels is None else tuple(read_labels(labels))
    if head.task is Task.SEGMENT:
        if not names:
            raise SourceError(
                f"{training.path}: masks have numbers, not names; give --labels FILE, one label per"
                " line, that of 0 first"
            )
        one, other = (
            masks_of(each.images, each.folder, each.path) for each in (training, validation)
        )
        return replace(images, masks=MaskFiles(labels=names, training=one, validation=other))
    found = read_box_truth(training.path, training.folder, training.images, labels=names)
    if not any(len(each.classes) for each in found.pictures):
        raise ImageError(
            f"{training.path}: no boxes in {len(training.images)} images; needed are some"
        )
    tested = read_box_truth(
        validation.path, validation.folder, validation.images, labels=found.labels
    )
    boxes = BoxLists(labels=found.labels, training=found.pictures, validation=tested.pictures)
    return replace(images, boxes=boxes)
