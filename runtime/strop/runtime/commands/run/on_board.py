"""`strop run --target`: images are found here, copied, and classified on a board."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from strop.runtime.artifact.artifact import detect_format
from strop.runtime.classify.predictions import Prediction
from strop.runtime.classify.selftest import SelfTest
from strop.runtime.classify.stream import Answer
from strop.runtime.commands.flags.target import started, target_of
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.images.find import Unusable, find_images
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote.address import Target
from strop.runtime.remote.running import Running
from strop.runtime.remote.task import Task, make_task

IMAGES_FAILED = 2  # exit codes of `strop run` that are results
SELFTEST_FAILED = 1


def classify_on_board(
    options: argparse.Namespace,
) -> tuple[EngineFacts, tuple[tuple[Prediction, ...], ...]]:
    """Have a board classify the image files.

    Args:
        options: Of `strop run`.

    Returns:
        What ran the artifact there, and for each image its classes.

    Raises:
        ArtifactError: A file cannot be read.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the record is not of these images.
        StropError: As `strop run` raised it there.
    """
    target = target_of(options)
    task = _task(options, [Path(image) for image in options.images], json=True)
    record = _record(target, options, task)
    where = f"{target}: the record"
    images = record.get("images")
    if not isinstance(images, list) or len(images) != len(options.images):
        raise MeasurementError(
            f"{where} is not of the {len(options.images)} images sent; is that board yours?"
        )
    answered = tuple(_predictions(image, where=where) for image in images)
    return _facts(record, where=where), answered


def selftest_on_board(options: argparse.Namespace, *, golden: Path) -> tuple[EngineFacts, SelfTest]:
    """Have a board run the golden vectors.

    Args:
        options: Of `strop run --selftest`.
        golden: The file.

    Returns:
        What ran the artifact there, and how its answers compare.

    Raises:
        StropError: As `classify_on_board`.
    """
    target = target_of(options)
    record = _record(target, options, _task(options, [], json=True, golden=golden))
    where = f"{target}: the self-test"
    found = record.get("selftest")
    if isinstance(found, dict):
        names = {field.name for field in fields(SelfTest)}
        found = {name: value for name, value in found.items() if name in names}
    result = read_typed(found, SelfTest, at=where)
    if not len(result.differences) == len(result.expected) == len(result.found) > 0:
        raise MeasurementError(f"{where} has answers of different numbers; is that board yours?")
    return _facts(record, where=where), result


@contextmanager
def stream_on_board(options: argparse.Namespace) -> Iterator[Iterator[Answer]]:
    """Have a board answer images, or the frames of its camera, one by one.

    All images are found and copied before the first one is answered.

    Args:
        options: Of `strop run`.

    Raises:
        StropError: As `classify_on_board`.
    """
    target = target_of(options)
    if options.camera is not None:
        found: list[str | Unusable] = []
    else:
        found = [_checked(item) for item in find_images(options.images, stdin=sys.stdin.buffer)]
    sent = [item for item in found if isinstance(item, str)]
    if options.camera is None and not sent:
        yield iter(_join(found, iter(())))
        return
    task = _task(options, [Path(path) for path in sent], jsonl=True)
    with started(
        target, task, formats={detect_format(options.artifact)}, engine=options.engine
    ) as running:
        answers = _answers(target, task, running)
        yield answers if options.camera is not None else _join(found, answers)


def _task(options: argparse.Namespace, images: Sequence[Path], **replaced: bool | Path) -> Task:
    flags: dict[str, object] = {"json": False, "jsonl": False, **replaced, "images": images}
    task = make_task("run", options, replaced=flags)
    # `strop run` takes images as text: a path, or what stands for many.
    places = [
        cast("dict[str, str]", each)["path"] for each in cast("list[Any]", task.options["images"])
    ]
    return replace(task, options={**task.options, "images": [*places]})


def _record(target: Target, options: argparse.Namespace, task: Task) -> dict[str, Any]:
    with started(
        target, task, formats={detect_format(options.artifact)}, engine=options.engine
    ) as running:
        text = running.whole()
        running.check(SELFTEST_FAILED)
    return _object(text, where=f"{target}: the record")


def _answers(target: Target, task: Task, running: Running) -> Iterator[Answer]:
    where = f"{target}: an answer"
    for line in running.lines():
        answer = _object(line, where=where)
        source = answer.get("path", answer.get("frame"))
        if not isinstance(source, (str, int)):
            raise MeasurementError(f"{where} is of {str(source)[:80]}; needed is an image")
        if "error" in answer:
            error = str(read_typed(answer["error"], str, at=where))
            yield Answer(source=source, error=task.at_home(error))
            continue
        yield Answer(
            source=source,
            predictions=_predictions(answer, where=where),
            latency_ns=read_typed(answer.get("latency_ns"), int, at=where),
            engine=_facts(answer, where=where),
        )
    running.check(IMAGES_FAILED)


def _join(found: Sequence[str | Unusable], answers: Iterator[Answer]) -> Iterator[Answer]:
    """The answers under the names that the images have here, with those that were not sent."""
    for item in found:
        if isinstance(item, Unusable):
            yield Answer(source=item.path, error=item.reason)
            continue
        answer = next(answers, None)
        if answer is None:
            raise MeasurementError(f"{item}: the board gave no answer; measure again")
        yield replace(answer, source=item)
    for answer in answers:
        raise MeasurementError(f"{answer.source}: an answer for an image that was not sent")


def _checked(item: str | Unusable) -> str | Unusable:
    """What is unusable, if the file cannot be sent."""
    if isinstance(item, Unusable) or (os.path.isfile(item) and os.access(item, os.R_OK)):  # noqa: PTH113  # Path.is_file raises where a name is too long
        return item
    return Unusable(path=item, reason=f"{item}: no file that can be read; needed is an image")


def _facts(record: dict[str, Any], *, where: str) -> EngineFacts:
    return read_typed(record.get("engine"), EngineFacts, at=where)


def _predictions(answer: object, *, where: str) -> tuple[Prediction, ...]:
    found = answer.get("predictions") if isinstance(answer, dict) else None
    return read_typed(found, tuple[Prediction, ...], at=where)


def _object(text: str, *, where: str) -> dict[str, Any]:
    return parse_object(
        text, where=where, error=MeasurementError, remedy="does something print there?"
    )
