"""`strop evaluate` of segmentation models: IoU with masks, and agreement with another artifact."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop import console
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.classify.mask_agreement import (
    Figure,
    MapAgreement,
    PixelCounts,
    agreement,
    compare_maps,
    iou_drop,
)
from strop.runtime.classify.segmenter import Segmenter
from strop.runtime.classify.truth import evenly
from strop.runtime.commands.flags.contract import Opening, opening_from_flags
from strop.runtime.commands.run.masks import open_segmenter
from strop.runtime.engines import engine_that_fits, open_engine
from strop.runtime.errors import ImageError
from strop.runtime.images.dataset import list_images
from strop.runtime.images.masks import read_mask
from strop.runtime.records.version import installed_version

FORMAT_VERSION = 1
COLUMNS = ("", "value", "95 % interval", "images")
MAP_RANKS = (3, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What was found over all images; None where there are no masks, or no reference.

    Attributes:
        found: The artifact's maps against the masks.
        reference: The reference's against the masks.
        between: The artifact's against the reference's.
        drop: Of the mean IoU, from the reference's to the artifact's.
    """

    found: MapAgreement | None
    reference: MapAgreement | None
    between: MapAgreement | None
    drop: Figure | None


def gives_map(opening: Opening) -> bool:
    """Whether a file without a contract has an output that is a map, as no classifier's is."""
    if read_contract(opening.artifact) is not None:
        return False
    with open_engine(opening.artifact, engine=opening.engine) as engine:
        shape = engine.output.shape
    return len(shape) in MAP_RANKS and len([side for side in shape[1:] if side != 1]) > 1


def evaluate_masks(options: argparse.Namespace) -> int:
    """Compare maps and print the figures.

    Returns:
        0.

    Raises:
        StropError: Flags that do not go together, masks that do not fit, or as
            `Segmenter.segment`.
    """
    _check(options)
    opening = opening_from_flags(options)
    images = evenly(list_images(options.folder), options.limit)
    masks = None if options.masks is None else _masks(images, options.folder, options.masks)
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


def _masks(images: Sequence[Path], folder: Path, masks: Path) -> tuple[Path, ...]:
    """Name the mask of each image: the same path below the other folder, as .png."""
    found = tuple(masks / path.relative_to(folder).with_suffix(".png") for path in images)
    lacking = [path for path in found if not path.is_file()]
    if lacking:
        raise ImageError(
            f"{lacking[0]}: no such file; needed is a mask for each of the {len(images)} images,"
            f" {len(lacking)} have none"
        )
    return found


def _compared(
    segmenter: Segmenter,
    against: Segmenter | None,
    images: Sequence[Path],
    masks: Sequence[Path] | None,
) -> Compared:
    counts: dict[str, list[PixelCounts]] = {"found": [], "reference": [], "between": []}
    work = range(len(images))
    for at in console.progress(work, len(images), "evaluate"):
        found = segmenter.segment(images[at]).classes
        reference = None if against is None else against.segment(images[at]).classes
        mask = None if masks is None else _mask(masks[at], found, segmenter)
        for name, (one, other) in {
            "found": (found, mask),
            "reference": (reference, mask),
            "between": (found, reference),
        }.items():
            if one is not None and other is not None:
                counts[name].append(compare_maps(one, other))
    return Compared(
        found=agreement(counts["found"]),
        reference=agreement(counts["reference"]),
        between=agreement(counts["between"]),
        drop=iou_drop(counts["reference"], counts["found"]) if counts["reference"] else None,
    )


def _mask(path: Path, found: NDArray[np.uint8], segmenter: Segmenter) -> NDArray[np.uint8]:
    mask = read_mask(path)
    if mask.shape != found.shape:
        (rows, columns), (height, width) = mask.shape, found.shape
        raise ImageError(
            f"{path}: {columns} x {rows} pixels, and its picture has {width} x {height}; needed is"
            " a mask of the picture's own size"
        )
    highest = int(mask[mask != UNSEEN].max(initial=0))
    if segmenter.classes is not None and highest >= segmenter.classes:
        raise ImageError(
            f"{path}: a pixel of class {highest}, and the model has {segmenter.classes}; needed are"
            f" the model's classes, and {UNSEEN} for what is not to be counted"
        )
    return mask


def _print(options: argparse.Namespace, segmenter: Segmenter, compared: Compared) -> None:
    if options.json:
        console.json(
            {
                "format_version": FORMAT_VERSION,
                "strop_version": installed_version(),
                "artifact": options.artifact.name,
                "sha256": sha256_file(options.artifact),
                "engine": asdict(segmenter.facts),
                "labels": segmenter.labels,
                "against": None if options.against is None else sha256_file(options.against),
                **asdict(compared),
            }
        )
        return
    console.table(COLUMNS, list(_rows(compared)))
    if compared.found is not None:
        console.gap()
        labels = segmenter.labels
        console.table(
            ("class", "IoU"),
            [
                (labels[place] if labels else str(place), f"{iou:.4f}")
                for place, iou in compared.found.ious.items()
            ],
        )


def _rows(compared: Compared) -> Iterator[tuple[str, str, str, str]]:
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


def _row(name: str, figure: Figure, images: str) -> tuple[str, str, str, str]:
    between = f"{figure.interval.low:.4f} to {figure.interval.high:.4f}"
    return name, f"{figure.value:.4f}", between, images
