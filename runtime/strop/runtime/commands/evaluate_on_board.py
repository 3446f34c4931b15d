"""`strop evaluate --target`: the images are answered on a board, and counted here."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from strop.runtime.artifact import detect_format
from strop.runtime.commands.target_flags import started, target_of
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.evaluate import Evaluation
from strop.runtime.target import ImageFolder, make_task
from strop.runtime.typed_json import read_typed


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """Of the record of `strop evaluate --json`, what nothing here could compute."""

    engine: EngineFacts
    truth: tuple[int | None, ...]
    ranked: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReferenceAnswers:
    """The same of the other artifact."""

    engine: EngineFacts
    ranked: tuple[tuple[int, ...], ...]


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
    rankings = [answers.ranked] if reference is None else [answers.ranked, reference.ranked]
    is_whole = all(len(each) == len(images) for each in (answers.truth, *rankings))
    has_classes = all(all(ranking) for ranking in rankings)
    if not (is_whole and has_classes and len(rankings) == len(artifacts)):
        raise MeasurementError(
            f"{where}: {len(rankings)} artifacts' answers for {len(answers.truth)} images, needed"
            f" are {len(artifacts)} for {len(images)}; is that board yours?"
        )
    return (
        answers.engine,
        None if reference is None else reference.engine,
        Evaluation(
            truth=answers.truth,
            ranked=answers.ranked,
            against=None if reference is None else reference.ranked,
        ),
    )


def _read(text: str, *, where: str) -> tuple[_Answers, _ReferenceAnswers | None]:
    try:
        record = json.loads(text)
        answers = {name: record[name] for name in ("engine", "truth", "ranked")}
        against = record["against"]
        if against is not None:
            against = {name: against[name] for name in ("engine", "ranked")}
    except (ValueError, RecursionError, KeyError, TypeError) as err:
        raise MeasurementError(f"{where}: not what strop evaluate --json prints ({err!r})") from err
    return (
        cast("_Answers", read_typed(answers, _Answers, at=where)),
        cast("_ReferenceAnswers | None", read_typed(against, _ReferenceAnswers | None, at=where)),
    )
