"""Run the float model and the finished artifacts over the same images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tensorflow as tf

from strop.export.certify.certificate import Answers, Certificate, Truth
from strop.export.certify.overlap import overlap
from strop.export.certify.verdicts import answers, joined, one_answer, verdict
from strop.export.frontend.source_decision import source_decision
from strop.export.ir.graph import Array
from strop.export.options.options import ExportOptions
from strop.export.source.batches import BATCH_SIZE, Progress, unwatched
from strop.export.source.source import Source
from strop.export.source.whole_images import whole_scores
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime import Classifier
from strop.runtime import open as open_artifact
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.agreement import mean_average_precision, same
from strop.runtime.classify.decision import THRESHOLD_TASKS, answer_names, answers_of_classes
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import batches

NUM_THREADS = 2


def certify(
    source: Source,
    artifacts: Sequence[Path],
    options: ExportOptions,
    progress: Progress = unwatched,
) -> Certificate:
    """Hold every artifact, run by its engine, against the source, run by TensorFlow.

    Images are decoded once and one batch at a time.

    Args:
        source: The float model.
        artifacts: Files, their contract inside.
        options: Which images, their classes, and how they become the input.
        progress: Passes batches of images on, and may show how far they are.

    Raises:
        SourceError: The float model gives NaN or infinite scores.
    """
    is_validated = bool(options.validation)
    paths = options.validation if is_validated else options.calibration
    truth = _truth(source, options, is_validated=is_validated)
    with ExitStack() as stack:
        with native_stderr_held():
            opened = [
                stack.enter_context(open_artifact(path, num_threads=NUM_THREADS))
                for path in artifacts
            ]
        images = progress(
            batches(paths, opened[0].contract, batch_size=BATCH_SIZE),
            -(-len(paths) // BATCH_SIZE),
            "certify",
        )
        reference, *found = _answers(source, opened, images, paths, truth)
        verdicts = tuple(
            verdict(
                path.name,
                engine=f"{classifier.facts.engine} {classifier.facts.version}",
                kernels=classifier.facts.kernels,
                reference=reference,
                found=one,
                truth=truth,
            )
            for path, classifier, one in zip(artifacts, opened, found, strict=True)
        )
    shares = _float_shares(reference, truth)
    task = truth.decision.task
    return Certificate(
        images=len(paths),
        data="validation" if is_validated else "calibration",
        overlap=len(overlap(options.calibration, paths)),
        task=task,
        thresholds=truth.decision.thresholds,
        names=truth.names if task in THRESHOLD_TASKS else (),
        float_top1=shares[0],
        float_top5=shares[1],
        float_mean_average_precision=shares[2],
        one_answer=one_answer(reference, truth),
        verdicts=verdicts,
    )


def _float_shares(
    reference: Answers, truth: Truth
) -> tuple[float | None, float | None, float | None]:
    """Top-1, top-5 and mean average precision of the float model, as far as they are known."""
    right, task = truth.rows, truth.decision.task
    if right is None or task is Task.REGRESS:
        return None, None, None
    is_labels = task is Task.MULTILABEL
    return (
        float(same(reference.rows, right).mean()),
        float(reference.in_top5.mean()) if task is Task.CLASSIFY else None,
        mean_average_precision(reference.outputs, right) if is_labels else None,
    )


def _truth(source: Source, options: ExportOptions, *, is_validated: bool) -> Truth:
    decision = options.decision or source_decision(source)
    is_named = bool(options.labels) or decision.task is not Task.CLASSIFY
    rows = None
    if is_validated and options.targets is not None:
        rows = np.array(options.targets)
        rows = rows.astype(np.int64) if decision.has_classes else rows
    elif is_validated and options.truth is not None and decision.has_classes:
        rows = answers_of_classes(decision, options.truth)
    return Truth(
        decision=decision,
        names=answer_names(decision, options.labels) if is_named else (),
        rows=rows,
    )


def _answers(
    source: Source,
    opened: Sequence[Classifier],
    images: Iterable[Array],
    paths: Sequence[Path],
    truth: Truth,
) -> list[Answers]:
    """The source's answers, then each artifact's."""
    forward = tf.function(source.forward, autograph=False, reduce_retracing=True)
    collected: list[list[Answers]] = [[] for _ in range(1 + len(opened))]
    seen = 0
    for batch in images:
        right = None if truth.rows is None else truth.rows[seen : seen + len(batch)]
        files = paths[seen : seen + len(batch)]
        seen += len(batch)
        if source.resize is None:
            scores: Array = forward(tf.cast(batch, tf.float32)).numpy()
        else:
            scores = whole_scores(source.resize, files, source.channels)
        if not np.isfinite(scores).all():
            raise SourceError(
                f"{source.name}: the float model itself gives NaN or infinite scores on the"
                " validation images; check its weights, and --mean and --std"
            )
        collected[0].append(answers(truth.decision, scores, right))
        for parts, classifier in zip(collected[1:], opened, strict=True):
            codes = np.stack([classifier.scores(image) for image in batch])
            parts.append(answers(classifier.known_decision(), codes, right))
    return [joined(parts) for parts in collected]
