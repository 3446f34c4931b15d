"""`strop evaluate --target`: the images are answered on a board, and counted here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from strop.runtime.artifact.artifact import detect_format
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.evaluate import Evaluation
from strop.runtime.commands.flags.target import started, target_of
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote.task import ImageFolder, make_task


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """Of the record of `strop evaluate --json`, what nothing here could compute."""

    engine: EngineFacts
    task: Task
    thresholds: tuple[float, ...]
    names: tuple[str, ...]
    truth: tuple[int | None, ...]
    targets: tuple[tuple[float, ...], ...] | None
    ranked: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReferenceAnswers:
    """The same of the other artifact."""

    engine: EngineFacts
    ranked: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[float, ...], ...] | None


def evaluate_on_board(
    options: argparse.Namespace, images: Sequence[Path]
) -> tuple[EngineFacts, EngineFacts | None, Evaluation]:
    """Have a board classify the images.

    Args:
        options: Of `strop evaluate`.
        images: Those of the folder that are used; they are copied.

    Returns:
        What ran the artifact there, what ran the reference if there is one, and what they
        said of each image.

    Raises:
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these images.
        StropError: As `strop evaluate` raised it there.
    """
    target = target_of(options)
    artifacts = [path for path in (options.artifact, options.against) if path is not None]
    formats = {detect_format(path) for path in artifacts}
    folder = ImageFolder(path=options.folder, images=tuple(images))
    replaced: dict[str, object] = {"folder": folder, "limit": None, "json": True}
    task = make_task("evaluate", options, replaced=replaced)
    with started(target, task, formats=formats, engine=options.engine) as running:
        text = running.whole()
        running.check()
    where = f"{target}: the record"
    answers, reference = _read(text, where=where)
    n_artifacts = 1 if reference is None else 2
    if len(answers.truth) != len(images) or n_artifacts != len(artifacts):
        raise MeasurementError(
            f"{where}: {n_artifacts} artifacts' answers for {len(answers.truth)} images, needed"
            f" are {len(artifacts)} for {len(images)}; is that board yours?"
        )
    try:
        result = Evaluation(
            truth=answers.truth,
            ranked=answers.ranked,
            against=None if reference is None else reference.ranked,
            task=answers.task,
            outputs=answers.outputs,
            against_outputs=None if reference is None else reference.outputs,
            targets=answers.targets,
            thresholds=answers.thresholds,
            names=answers.names,
        )
    except MeasurementError as err:
        raise MeasurementError(f"{where}: {err}; is that board yours?") from err
    return answers.engine, None if reference is None else reference.engine, result


def _read(text: str, *, where: str) -> tuple[_Answers, _ReferenceAnswers | None]:
    record: Any = parse_object(
        text, where=where, error=MeasurementError, remedy="does something print there?"
    )
    try:
        answers = {field.name: record[field.name] for field in fields(_Answers)}
        against = record["against"]
        if against is not None:
            against = {field.name: against[field.name] for field in fields(_ReferenceAnswers)}
    except (LookupError, TypeError) as err:
        raise MeasurementError(f"{where}: not what strop evaluate --json prints ({err!r})") from err
    return (
        read_typed(answers, _Answers, at=where),
        None if against is None else read_typed(against, _ReferenceAnswers, at=where),
    )
