"""Runs a float detector and its finished files over the same images, and compares their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strop.export.certify.certificate import Certificate, OneAnswer, Verdict
from strop.export.certify.float_scores import float_scores
from strop.export.certify.opened_files import opened_files
from strop.export.ir.graph import Array
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.runtime import Classifier
from strop.runtime.artifact.contract import Contract, Task
from strop.runtime.artifact.detection import Detection
from strop.runtime.classify.detect_answer import box_reader, boxes_in_picture
from strop.runtime.detect.average_precision import (
    LEAST_SCORE,
    BoxPrecision,
    Matches,
    as_truth,
    box_precision,
    precision_drop,
)
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.engines.engine import TensorInfo
from strop.runtime.images.load import load_seen
from strop.runtime.images.seen import Seen
from strop.runtime.progress import Progress
from strop.runtime.statistics.intervals import Interval

NOTHING = "no box"


def certify_boxes(
    source: Source,
    artifacts: Sequence[Path],
    options: ExportOptions,
    detection: Detection,
    progress: Progress,
    *,
    overlap: int,
) -> Certificate:
    """Compare every artifact's boxes with the float model's, and with those that are true.

    Args:
        source: The float model.
        artifacts: Files, their contract inside.
        options: Which images and boxes, and how images become the input.
        detection: How boxes are read.
        progress: Passes images on.
        overlap: How many of the images are calibration images as well.

    Raises:
        SourceError: The float model gives NaN or infinite numbers.
        EngineError: pycocotools is not installed.
    """
    paths = options.validation or options.calibration
    least = min(LEAST_SCORE, detection.score_threshold)
    with opened_files(artifacts) as opened:
        scores = float_scores(source)
        of_float: list[Boxes] = []
        of_files: list[list[Boxes]] = [[] for _ in opened]
        for path in progress(paths, len(paths), "certify"):
            seen = load_seen(path, opened[0].contract)
            row = scores(seen.pixels[np.newaxis], [path])[0]
            contract = opened[0].contract
            of_float.append(float_boxes(source, row, seen, contract, score_threshold=least))
            for found, classifier in zip(of_files, opened, strict=True):
                found.append(classifier.raw_boxes(path, score_threshold=least))
        ran = [(path.name, one) for path, one in zip(artifacts, opened, strict=True)]
    true = options.boxes if options.validation else None
    right = None if true is None else Matches(of_float, true.pictures)
    reference = [as_truth(boxes, detection.score_threshold) for boxes in of_float]
    count = sum(len(each.classes) for each in reference)
    verdicts = []
    for (name, classifier), found in zip(ran, of_files, strict=True):
        own = None if true is None else Matches(found, true.pictures)
        between = box_precision(Matches(found, reference))
        verdicts.append(_verdict(name, classifier, between, right, own, count))
    figures = None if right is None else box_precision(right)
    return Certificate(
        images=len(paths),
        data="validation" if options.validation else "calibration",
        overlap=overlap,
        task=Task.DETECT,
        thresholds=(),
        names=opened[0].box_labels,
        float_top1=None if figures is None else figures.mean.value,
        float_top5=None,
        float_mean_average_precision=None if figures is None else figures.half.value,
        one_answer=OneAnswer(
            answer=NOTHING,
            agreement=0.0,
            agreement_interval=Interval(low=0.0, high=0.0),
            drop=1.0 if figures is None else figures.mean.value,
            is_beatable=count > 0,
        ),
        verdicts=tuple(verdicts),
    )


def float_boxes(
    source: Source, row: Array, seen: Seen, contract: Contract, *, score_threshold: float
) -> Boxes:
    """Read the float model's boxes in an image, by the artifacts' own decoding.

    Args:
        source: The float model.
        row: Its numbers of the image, [numbers].
        seen: The image.
        contract: Of an artifact, with a detection.
        score_threshold: In place of the contract's.
    """
    ends = np.cumsum(source.sizes)[:-1]
    outputs = [
        part.astype(np.float32).reshape(1, *shape)
        for part, shape in zip(np.split(row, ends), source.shapes, strict=True)
    ]
    infos = [TensorInfo(shape=each.shape, dtype="float32") for each in outputs]
    reader = box_reader(contract, infos, score_threshold=score_threshold)
    return boxes_in_picture(outputs, reader, seen)


def _verdict(
    artifact: str,
    classifier: Classifier,
    between: BoxPrecision,
    right: Matches | None,
    own: Matches | None,
    count: int,
) -> Verdict:
    drop, figures = between.mean.complement(), None
    if right is not None and own is not None:
        drop, figures = precision_drop(right, own)[0], box_precision(own)
    facts = classifier.facts
    return Verdict(
        artifact=artifact,
        engine=f"{facts.engine} {facts.version}",
        kernels=facts.kernels,
        top1=None if figures is None else figures.mean.value,
        top5=None,
        drop=drop.value,
        drop_interval=drop.interval,
        agreement=between.mean.value,
        agreement_interval=between.mean.interval,
        mean_average_precision=(figures or between).half.value,
        not_certified="" if count else "the float model finds no box in any image",
    )
