"""`strop run --target`: images are found here, copied, and classified on a board."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from strop.runtime.classify.selftest import SelfTest
from strop.runtime.classify.stream import Answer
from strop.runtime.commands.flags.contract import Opening
from strop.runtime.commands.flags.target import started
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import ImageError, MeasurementError
from strop.runtime.images.find import Unusable, find_images
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command


@dataclass(frozen=True, kw_only=True, slots=True)
class SelftestRequest:
    """Asks for the answers to a file of golden vectors."""

    opening: Opening
    golden: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfTested:
    """What ran the artifact, and how its answers compare."""

    engine: EngineFacts
    result: SelfTest


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamRequest:
    """Asks for answers to images, one by one.

    Attributes:
        opening: The artifact, and how it is opened.
        images: Files; none where there is a camera.
        top: Classes per image, at most.
        camera: Its number.
        frames: So many of it; None for no end.
    """

    opening: Opening
    images: tuple[Path, ...]
    top: int
    camera: int | None = None
    frames: int | None = None


SELFTEST = Command(name="run --selftest", request=SelftestRequest, record=SelfTested)
STREAM = Command(name="run", request=StreamRequest, record=Answer)


def classify_on_board(
    target: Target, request: StreamRequest
) -> tuple[EngineFacts, tuple[Answer, ...]]:
    """Have a board classify image files, all or none.

    Returns:
        What ran the artifact there, and for each image its answer.

    Raises:
        ArtifactError: A file cannot be read.
        ImageError: An image cannot be used.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the answers are not of these images.
        StropError: As `strop run` raised it there.
    """
    answers = []
    with _streamed(target, request) as found:
        for answer in islice(found, len(request.images) + 1):
            if answer.error is not None:
                raise ImageError(f"{target}: {answer.error}")
            answers.append(answer)
    engine = answers[0].engine if answers else None
    if engine is None or len(answers) != len(request.images):
        raise MeasurementError(
            f"{target}: {len(answers)} answers, sent were {len(request.images)} images; is that"
            " board yours?"
        )
    return engine, tuple(answers)


def selftest_on_board(target: Target, request: SelftestRequest) -> SelfTested:
    """Have a board run the golden vectors.

    Raises:
        StropError: As `classify_on_board`.
    """
    opening = request.opening
    with started(
        target, SELFTEST, request, artifacts=[opening.artifact], engine=opening.engine
    ) as running:
        found = running.record()
    result = found.result
    if not len(result.differences) == len(result.expected) == len(result.found) > 0:
        raise MeasurementError(
            f"{target}: the self-test has answers of different numbers; is that board yours?"
        )
    return found


@contextmanager
def stream_on_board(
    target: Target, request: StreamRequest, arguments: Sequence[str]
) -> Iterator[Iterator[Answer]]:
    """Have a board answer images, or the frames of its camera, one by one.

    All images are found and copied before the first one is answered.

    Args:
        target: The board.
        request: Without images.
        arguments: What stands for images, as `find_images` takes it.

    Raises:
        StropError: As `classify_on_board`.
    """
    if request.camera is not None:
        with _streamed(target, request) as answers:
            yield answers
        return
    found = [_checked(item) for item in find_images(arguments, stdin=sys.stdin.buffer)]
    images = tuple(Path(item) for item in found if isinstance(item, str))
    if not images:
        yield _join(found, iter(()))
        return
    with _streamed(target, replace(request, images=images)) as answers:
        yield _join(found, answers)


@contextmanager
def _streamed(target: Target, request: StreamRequest) -> Iterator[Iterator[Answer]]:
    opening = request.opening
    with started(
        target, STREAM, request, artifacts=[opening.artifact], engine=opening.engine
    ) as running:
        yield (
            replace(answer, error=answer.error and running.at_home(answer.error))
            for answer in running.records()
        )


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
