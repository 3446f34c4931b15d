"""Runs the float model and the finished artifacts over the same images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from strop.export.certify.certificate import Certificate
from strop.export.certify.program import Program
from strop.export.certify.verdicts import one_answer, verdict
from strop.export.frontend.source_decision import source_decision
from strop.export.ir.execute import BATCH_SIZE
from strop.export.ir.graph import Array
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime import Classifier
from strop.runtime import open as open_artifact
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.comparison import (
    ModelAnswers,
    Truth,
    accuracy,
    joined,
    model_answers,
)
from strop.runtime.classify.decision import (
    THRESHOLD_TASKS,
    Decision,
    answer_names,
    answers_of_classes,
)
from strop.runtime.errors import ArtifactError, SourceError
from strop.runtime.images.dataset import batches
from strop.runtime.progress import Progress, unwatched

NUM_THREADS = 2


def certify(
    source: Source,
    artifacts: Sequence[Path],
    options: ExportOptions,
    progress: Progress = unwatched,
    *,
    programs: Sequence[Program] = (),
) -> Certificate:
    """Compare every artifact, run by its engine, with the source, run by what it came for.

    Images are decoded once and one batch at a time, and once more for each other program.

    Args:
        source: The float model.
        artifacts: Files, their contract inside.
        options: Which images, their classes, and how they become the input.
        progress: Passes batches of images on, and may show how far they are.
        programs: Others that answer for every artifact as well.

    Raises:
        SourceError: The float model gives NaN or infinite scores.
        ConsumerError: A program does not answer.
    """
    is_validated = bool(options.validation)
    paths = options.validation if is_validated else options.calibration
    decision = options.decision or source_decision(source)
    truth = _truth(decision, options, is_validated=is_validated)
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
        reference, *found = _answers(source, opened, images, paths, decision)
        judged = partial(verdict, reference=reference, truth=truth)
        verdicts = tuple(
            judged(
                path.name,
                engine=f"{classifier.facts.engine} {classifier.facts.version}",
                kernels=classifier.facts.kernels,
                found=one,
            )
            for path, classifier, one in zip(artifacts, opened, found, strict=True)
        )
        decisions = [classifier.known_decision() for classifier in opened]
    asked = [
        (path, of_file, program)
        for path, of_file in zip(artifacts, decisions, strict=True)
        for program in programs
    ]
    watched = progress(asked, len(asked), f"ask {programs[0].title}") if asked else asked
    through = tuple(
        judged(
            path.name,
            engine=program.title,
            found=model_answers(of_file, program.scores(path, paths)),
        )
        for path, of_file, program in watched
    )
    of_float = accuracy(reference, truth)
    return Certificate(
        images=len(paths),
        data="validation" if is_validated else "calibration",
        overlap=len(overlap(options.calibration, paths)),
        task=truth.task,
        thresholds=decision.thresholds,
        names=truth.names if truth.task in THRESHOLD_TASKS else (),
        float_top1=None if of_float.top1 is None else of_float.top1.share,
        float_top5=None if of_float.top5 is None else of_float.top5.share,
        float_mean_average_precision=of_float.mean_average_precision,
        one_answer=one_answer(reference, truth),
        verdicts=verdicts,
        through=through,
    )


def overlap(calibration: Sequence[Path], validation: Sequence[Path]) -> tuple[Path, ...]:
    """Find validation images whose content is also among the calibration images.

    Ranges chosen on an image fit it, so that such images flatter the certificate.

    Args:
        calibration: Image files.
        validation: Image files.

    Returns:
        Of `validation`, in its order; the same content under another name counts.
    """
    known = {sha256_file(path) for path in calibration}
    return tuple(path for path in validation if sha256_file(path) in known)


def _truth(decision: Decision, options: ExportOptions, *, is_validated: bool) -> Truth:
    is_named = bool(options.labels) or decision.task is not Task.CLASSIFY
    rows = None
    if is_validated and options.targets is not None:
        rows = np.array(options.targets)
        rows = rows.astype(np.int64) if decision.has_classes else rows
    elif is_validated and options.truth is not None and decision.task is not Task.REGRESS:
        rows = answers_of_classes(decision, options.truth)
    return Truth(
        task=decision.task,
        names=answer_names(decision, options.labels) if is_named else (),
        rows=rows,
    )


def _answers(
    source: Source,
    opened: Sequence[Classifier],
    images: Iterable[Array],
    paths: Sequence[Path],
    decision: Decision,
) -> list[ModelAnswers]:
    """Collect the source's answers, then each artifact's."""
    forward = source.compiled()
    collected: list[list[ModelAnswers]] = [[] for _ in range(1 + len(opened))]
    seen = 0
    for batch in images:
        files = paths[seen : seen + len(batch)]
        seen += len(batch)
        if source.resize is None:
            scores = forward(batch)
        else:
            from strop.export.source.whole_images import whole_scores  # loads TensorFlow

            scores = whole_scores(source.resize, files, source.channels)
        if not np.isfinite(scores).all():
            first = files[int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])]
            raise SourceError(
                f"{source.name}: {first}: the float model itself gives NaN or infinite scores;"
                " check its weights, and --mean and --std"
            )
        collected[0].append(_named(decision, scores, files, source.name))
        for parts, classifier in zip(collected[1:], opened, strict=True):
            codes = np.stack([classifier.scores(image) for image in batch])
            where = f"{source.name} in int8, run by {classifier.facts.engine}"
            parts.append(_named(classifier.known_decision(), codes, files, where))
    return [joined(parts) for parts in collected]


def _named(decision: Decision, scores: Array, files: Sequence[Path], where: str) -> ModelAnswers:
    """Make answers of a batch's scores.

    Raises:
        SourceError: The vector of an image has no direction.
    """
    try:
        return model_answers(decision, scores)
    except ArtifactError as err:
        first = files[int(np.flatnonzero(~scores.any(axis=1))[0])]
        raise SourceError(f"{where}: {first}: {err}") from err
