"""Runs the float model and finished files that give maps over the same images, and counts pixels.

Maps are compared one batch at a time, and a few counts of each image are kept, so that memory does
not grow with the images. Masks are brought to the pixels of the model's map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from strop.export.certify.certificate import Certificate, MapFigures, OneAnswer, Verdict
from strop.export.certify.float_scores import float_scores
from strop.export.certify.opened_files import opened_files
from strop.export.ir.execute import batch_size
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.runtime import Classifier
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import Decision, answer_names, answers
from strop.runtime.classify.mask_agreement import (
    Map,
    MapAgreement,
    MapCounts,
    PixelCounts,
    agreement,
    compare_maps,
    constant_counts,
)
from strop.runtime.errors import MeasurementError
from strop.runtime.images.dataset import batches
from strop.runtime.images.load import upright_size
from strop.runtime.images.masks import as_seen, true_classes
from strop.runtime.progress import Progress

MOST_SCORES = 1 << 24  # of a batch, 64 MB
FLOAT = "the float model"


@dataclass(kw_only=True, slots=True)
class _Counted:
    """What is counted of each image.

    Attributes:
        files: Of each file, against float and the masks.
        floats: Pixels of each class by the float model.
        masks: The same of the masks.
        right: The float model against the masks.
    """

    files: tuple[MapCounts, ...]
    floats: list[PixelCounts] = field(default_factory=list)
    masks: list[PixelCounts] = field(default_factory=list)
    right: list[PixelCounts] = field(default_factory=list)

    def add(self, found: Sequence[Map], of_float: Map, mask: Map | None) -> None:
        for counts, one in zip(self.files, found, strict=True):
            counts.add(one, of_float, mask)
        self.floats.append(compare_maps(of_float, of_float))
        if mask is not None:
            self.masks.append(compare_maps(mask, mask))
            self.right.append(compare_maps(of_float, mask))


def certify_maps(
    source: Source,
    artifacts: Sequence[Path],
    options: ExportOptions,
    decision: Decision,
    progress: Progress,
    *,
    overlap: int,
) -> Certificate:
    """Compare every artifact with the float model, pixel by pixel.

    Args:
        source: The float model.
        artifacts: Files, their contract inside.
        options: Which images and masks, and how images become the input.
        decision: The rule of the map.
        progress: Passes batches of images on.
        overlap: How many of the images are calibration images as well.

    Raises:
        SourceError: The float model gives NaN or infinite scores.
        ImageError: A mask does not fit its image, or the model's classes.
        MeasurementError: The masks have no pixel that counts.
    """
    with opened_files(artifacts) as opened:
        counted = _counted(source, opened, options, decision, progress)
        ran = [(path.name, one.facts) for path, one in zip(artifacts, opened, strict=True)]
    names = answer_names(decision, options.labels)
    always = _one_answer(counted, names)
    right = agreement(counted.right)
    verdicts = [
        _verdict(path, f"{facts.engine} {facts.version}", facts.kernels, counts, names, always)
        for (path, facts), counts in zip(ran, counted.files, strict=True)
    ]
    return Certificate(
        images=len(counted.floats),
        data="validation" if options.validation else "calibration",
        overlap=overlap,
        task=Task.SEGMENT,
        thresholds=decision.thresholds,
        names=names,
        float_top1=None if right is None else right.mean_iou.value,
        float_top5=None,
        float_mean_average_precision=None,
        one_answer=always,
        verdicts=tuple(verdicts),
    )


def _counted(
    source: Source,
    opened: Sequence[Classifier],
    options: ExportOptions,
    decision: Decision,
    progress: Progress,
) -> _Counted:
    paths = options.validation or options.calibration
    contract = opened[0].contract
    most = max(MOST_SCORES // decision.scores, 1)
    at_once = min(batch_size(source.height, source.width), most)
    images = progress(
        batches(paths, contract, batch_size=at_once), -(-len(paths) // at_once), "certify"
    )
    masks = options.masks if options.validation else None
    height, width = decision.shape[:2]
    scores = float_scores(source)
    counted = _Counted(files=tuple(MapCounts() for _ in opened))
    for batch in images:
        done = len(counted.floats)
        files = paths[done : done + len(batch)]
        maps = answers(decision, scores(batch, files)).astype(np.uint8)
        for place, image in enumerate(batch):
            mask = None
            if masks is not None:
                size = upright_size(files[place])
                whole = true_classes(masks[done + place], size, decision.names_needed)
                mask = as_seen(whole, contract, (width, height))
            of_float = maps[place].reshape(height, width)
            counted.add([each.class_map(image).classes for each in opened], of_float, mask)
    return counted


def _one_answer(counted: _Counted, names: Sequence[str]) -> OneAnswer:
    """Return the worth of a file that gives every pixel float's most common class."""
    most = int(np.sum([each.both for each in counted.floats], axis=0).argmax())
    with_float = agreement([constant_counts(each, most) for each in counted.floats])
    if with_float is None:
        raise MeasurementError("no pixel to compare; give images")
    right, lost = agreement(counted.right), 1 - with_float.mean_iou.value
    with_masks = agreement([constant_counts(each, most) for each in counted.masks])
    if right is not None and with_masks is not None:
        lost = right.mean_iou.value - with_masks.mean_iou.value
    return OneAnswer(
        answer=f"{names[most]} for every pixel",
        agreement=with_float.pixels.value,
        agreement_interval=with_float.pixels.interval,
        drop=lost,
        is_beatable=with_float.mean_iou.interval.high < 1,
        mean_iou=with_float.mean_iou.value,
    )


def _verdict(
    artifact: str,
    engine: str,
    kernels: str,
    counts: MapCounts,
    names: Sequence[str],
    always: OneAnswer,
) -> Verdict:
    compared = counts.comparison
    between, own = compared.between, compared.found
    if between is None:
        raise MeasurementError(f"{artifact}: no pixel to compare; give images")
    # One less an IoU is a distance, so that two maps are no further apart in theirs to a third one
    # than they are from each other. Source: S. Kosub, A note on the triangle inequality for the
    # Jaccard distance, Pattern Recognition Letters 120 (2019), 36-38.
    drop = compared.drop or between.mean_iou.complement()
    return Verdict(
        artifact=artifact,
        engine=engine,
        kernels=kernels,
        top1=None if own is None else own.mean_iou.value,
        top5=None,
        drop=drop.value,
        drop_interval=drop.interval,
        agreement=between.pixels.value,
        agreement_interval=between.pixels.interval,
        maps=MapFigures(
            mean_iou=between.mean_iou.value,
            mean_iou_interval=between.mean_iou.interval,
            ious=_named(between, names),
            true_ious={} if own is None else _named(own, names),
        ),
        not_certified=_why_it_says_nothing(between, always),
    )


def _why_it_says_nothing(found: MapAgreement, always: OneAnswer) -> str:
    if found.mean_iou.interval.low > always.mean_iou:
        return ""
    return (
        f"{FLOAT}'s most common class for every pixel has a mean IoU of {always.mean_iou:.4f} with"
        f" its maps, and {found.mean_iou.value:.4f} is not clearly more"
    )


def _named(found: MapAgreement, names: Sequence[str]) -> Mapping[str, float]:
    return {names[place]: iou for place, iou in found.ious.items()}
