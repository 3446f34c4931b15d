"""Runs the float model and the finished artifacts over the same images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.certify.certificate import Certificate
from strop.export.certify.certify_boxes import certify_boxes
from strop.export.certify.certify_maps import certify_maps
from strop.export.certify.float_scores import float_scores
from strop.export.certify.opened_files import opened_files
from strop.export.certify.program import Program
from strop.export.certify.score_figures import ScoreRows, score_rows
from strop.export.certify.verdicts import one_answer, verdict
from strop.export.frontend.source_decision import source_decision
from strop.export.ir.execute import BATCH_SIZE
from strop.export.ir.graph import Array
from strop.export.options.options import ExportOptions, OutputOptions
from strop.export.source.source import Source
from strop.runtime import Classifier
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Contract, Task
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
    of_each,
)
from strop.runtime.classify.point_truth import targets_in_input
from strop.runtime.classify.truth import UNSORTED_TASKS
from strop.runtime.errors import ArtifactError, SourceError
from strop.runtime.images.dataset import batches
from strop.runtime.progress import Progress, unwatched


def certify(
    source: Source,
    artifacts: Sequence[Path],
    options: ExportOptions,
    progress: Progress = unwatched,
    *,
    programs: Sequence[Program] = (),
) -> Certificate:
    """Compare every artifact, run by its engine, with the source, run by what it came for.

    Each output has a certificate of its own; that of the first has the others beside it. Images
    are decoded once and one batch at a time, and once more for each other program.

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
    common = len(overlap(options.calibration, paths))
    if options.decision is not None and options.decision.is_map:
        return certify_maps(source, artifacts, options, options.decision, progress, overlap=common)
    if options.detection is not None:
        return certify_boxes(
            source, artifacts, options, options.detection, progress, overlap=common
        )
    with opened_files(artifacts) as opened:
        judged = _judged(source, options, opened[0].contract)
        images = progress(
            batches(paths, opened[0].contract, batch_size=BATCH_SIZE),
            -(-len(paths) // BATCH_SIZE),
            "certify",
        )
        answers = _answers(source, opened, images, paths, [each.decision for each in judged])
        ran = [
            (path.name, f"{one.facts.engine} {one.facts.version}", one.facts.kernels)
            for path, one in zip(artifacts, opened, strict=True)
        ]
        decisions = [classifier.known_decisions() for classifier in opened]
    asked = [
        (path, of_file, program)
        for path, of_file in zip(artifacts, decisions, strict=True)
        for program in programs
    ]
    watched = progress(asked, len(asked), f"ask {programs[0].title}") if asked else asked
    told = [
        (path.name, program.title, _of_outputs(of_file, program.scores(path, paths)))
        for path, of_file, program in watched
    ]
    first, *others = (
        _certificate(
            each,
            found,
            ran,
            [(name, title, of_outputs[place]) for name, title, of_outputs in told],
            images=len(paths),
            is_validated=is_validated,
            overlap=common,
        )
        for place, (each, found) in enumerate(zip(judged, answers, strict=True))
    )
    return replace(first, beside=tuple(others))


def _of_outputs(decisions: Sequence[Decision], scores: Array) -> list[ModelAnswers]:
    """Take a program's rows, all outputs one behind the other, apart."""
    parts = [scores] if len(decisions) == 1 else of_each(decisions, scores)
    return [model_answers(each, part) for each, part in zip(decisions, parts, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged:
    """An output: its name, empty of an only one, its decision, and what is true of it."""

    name: str
    decision: Decision
    truth: Truth


def _certificate(
    output: _Judged,
    answers: _Answers,
    ran: Sequence[tuple[str, str, str]],
    told: Sequence[tuple[str, str, ModelAnswers]],
    *,
    images: int,
    is_validated: bool,
    overlap: int,
) -> Certificate:
    """Make the certificate of one output.

    Args:
        output: Which one.
        answers: Of the source and of each artifact.
        ran: Name, engine and kernels of each artifact.
        told: Name, program and answers of each artifact that another program has read.
        images: How many.
        is_validated: Whether they are validation images.
        overlap: How many of them are calibration images as well.
    """
    (reference, *found), truth = answers.models, output.truth
    judge = partial(verdict, reference=reference, truth=truth)
    of_float = accuracy(reference, truth)
    return Certificate(
        images=images,
        data="validation" if is_validated else "calibration",
        overlap=overlap,
        task=truth.task,
        thresholds=output.decision.thresholds,
        names=truth.names if truth.task in THRESHOLD_TASKS else (),
        float_top1=None if of_float.top1 is None else of_float.top1.share,
        float_top5=None if of_float.top5 is None else of_float.top5.share,
        float_mean_average_precision=of_float.mean_average_precision,
        one_answer=one_answer(reference, truth),
        verdicts=tuple(
            judge(name, engine=engine, kernels=kernels, found=one, scores=scores)
            for (name, engine, kernels), one, scores in zip(ran, found, answers.scores, strict=True)
        ),
        through=tuple(judge(name, engine=program, found=one) for name, program, one in told),
        output=output.name,
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


def _judged(source: Source, options: ExportOptions, image: Contract) -> list[_Judged]:
    if options.outputs:
        return [
            _Judged(
                name=one.name,
                decision=one.decision,
                truth=_truth(one.decision, one, options.validation, image),
            )
            for one in options.outputs
        ]
    decision = options.decision or source_decision(source)
    truth = _truth(decision, options, options.validation, image)
    return [_Judged(name="", decision=decision, truth=truth)]


def _truth(
    decision: Decision,
    options: ExportOptions | OutputOptions,
    validation: Sequence[Path],
    image: Contract,
) -> Truth:
    """Say what is true of validation images, if there are some.

    Args:
        decision: Of the output.
        options: Of the output.
        validation: Images.
        image: How they become the input.
    """
    is_named = bool(options.labels) or decision.task is not Task.CLASSIFY
    rows: NDArray[Any] | None = None
    is_validated = bool(validation)
    if is_validated and options.targets is not None:
        known = targets_in_input(options.targets, validation, decision, image)
        rows = np.array(known, np.float64)
        rows = rows.astype(np.int64) if decision.has_classes else rows
    elif is_validated and options.truth is not None and decision.task not in UNSORTED_TASKS:
        rows = answers_of_classes(decision, options.truth)
    return Truth(
        task=decision.task,
        names=answer_names(decision, options.labels) if is_named else (),
        rows=rows,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """What one output gives for all images.

    Attributes:
        models: The source's answers, then each artifact's.
        scores: Of each artifact beside the source, batch by batch.
    """

    models: list[ModelAnswers]
    scores: list[list[ScoreRows | None]]


def _answers(
    source: Source,
    opened: Sequence[Classifier],
    images: Iterable[Array],
    paths: Sequence[Path],
    decisions: Sequence[Decision],
) -> list[_Answers]:
    """Collect what each output gives.

    Args:
        source: The float model.
        opened: The artifacts.
        images: Batches of all images.
        paths: Their files.
        decisions: What the source's outputs are.
    """
    forward = float_scores(source)
    models: list[list[list[ModelAnswers]]] = [
        [[] for _ in range(1 + len(opened))] for _ in decisions
    ]
    scores: list[list[list[ScoreRows | None]]] = [[[] for _ in opened] for _ in decisions]
    seen = 0
    for batch in images:
        files = paths[seen : seen + len(batch)]
        seen += len(batch)
        references = of_each(decisions, forward(batch, files))
        for at, (decision, reference) in enumerate(zip(decisions, references, strict=True)):
            models[at][0].append(_named(decision, reference, files, source.name))
        for place, classifier in enumerate(opened):
            known = classifier.known_decisions()
            codes = np.stack([classifier.scores(image) for image in batch])
            where = f"{source.name} in int8, run by {classifier.facts.engine}"
            parts = zip(known, references, of_each(known, codes), strict=True)
            for at, (decision, reference, found) in enumerate(parts):
                models[at][place + 1].append(_named(decision, found, files, where))
                scores[at][place].append(score_rows(reference, found, decision))
    return [
        _Answers(models=[joined(parts) for parts in of_output], scores=of_files)
        for of_output, of_files in zip(models, scores, strict=True)
    ]


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
