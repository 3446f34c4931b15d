"""Answers images with maps or boxes for `strop evaluate`, here or on a board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from strop.runtime.classify.classifier import Classifier
from strop.runtime.classify.map_answer import MapAnswer, known_classes, map_labels
from strop.runtime.commands.evaluate.picture_figures import opened_with_reference
from strop.runtime.commands.evaluate.sent_pictures import (
    SentPicture,
    read_boxes,
    read_map,
    sent_boxes,
    sent_map,
)
from strop.runtime.commands.flags.contract import Opening, open_as_given
from strop.runtime.commands.flags.target import started
from strop.runtime.commands.run.masks import open_segmenter
from strop.runtime.detect.average_precision import LEAST_SCORE
from strop.runtime.detect.read_boxes import Boxes
from strop.runtime.engines import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.images.dataset import list_images
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, kw_only=True, slots=True)
class PicturesRequest:
    """Asks for the maps or boxes of images.

    Attributes:
        opening: The artifact, and how it is opened.
        folder: Of images.
        against: The reference; None for none.
        are_maps: Whether the answers are maps, not boxes.
    """

    opening: Opening
    folder: Path
    against: Path | None = None
    are_maps: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedPictures:
    """What answers.

    Attributes:
        engine: What runs the artifact.
        labels: Of its classes.
        classes: How many there are; None where it is unknown.
        least: The reference's threshold of boxes; None of maps, and without a reference.
    """

    engine: EngineFacts
    labels: tuple[str, ...]
    classes: int | None = None
    least: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictured:
    """A record of a board: first what answers, then the answers to each image.

    Attributes:
        opened: Of the first record.
        found: The artifact's answer.
        against: The reference's.
    """

    opened: OpenedPictures | None = None
    found: SentPicture | None = None
    against: SentPicture | None = None


PICTURES = Command(name="evaluate --pictures", request=PicturesRequest, record=Pictured)


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureAnswers(Generic[AnswerT]):
    """The answers to images.

    Attributes:
        opened: What answers.
        pairs: The artifact's answer to each image, and the reference's, as they come.
    """

    opened: OpenedPictures
    pairs: Iterator[tuple[AnswerT, AnswerT | None]]


@contextmanager
def maps_of(
    request: PicturesRequest, images: Sequence[Path], target: Target | None, *, echo: Echo
) -> Iterator[PictureAnswers[MapAnswer]]:
    """Answer images with maps.

    Args:
        request: What is asked for.
        images: Those of the folder that are used.
        target: The board that answers; None for this machine.
        echo: Is given what opened the artifact here.

    Raises:
        StropError: As `Classifier.class_map`, or as those of a board.
    """
    if target is not None:
        with _on_board(request, images, target, read_map) as found:
            yield found
        return
    with opened_with_reference(request.opening, request.against, open_segmenter) as both:
        echo(both[0])
        yield PictureAnswers(opened=_opened_map(both[0]), pairs=_each(both, images, _map))


@contextmanager
def boxes_of(
    request: PicturesRequest, images: Sequence[Path], target: Target | None, *, echo: Echo
) -> Iterator[PictureAnswers[Boxes]]:
    """Answer images with boxes; as `maps_of`."""
    if target is not None:
        with _on_board(request, images, target, read_boxes) as found:
            yield found
        return
    with opened_with_reference(request.opening, request.against, open_as_given) as both:
        echo(both[0])
        yield PictureAnswers(opened=_opened_boxes(*both), pairs=_each(both, images, _boxes))


Echo = Callable[[Classifier], None]
Both = tuple[Classifier, Classifier | None]


def _each(
    both: Both, images: Sequence[Path], answer: Callable[[Classifier, Path], AnswerT]
) -> Iterator[tuple[AnswerT, AnswerT | None]]:
    own, other = both
    for path in images:
        yield answer(own, path), None if other is None else answer(other, path)


def _map(segmenter: Classifier, path: Path) -> MapAnswer:
    return segmenter.class_map(path)


def _boxes(detector: Classifier, path: Path) -> Boxes:
    detection = detector.contract.detection
    least = LEAST_SCORE if detection is None else min(LEAST_SCORE, detection.score_threshold)
    return detector.raw_boxes(path, score_threshold=least)


def _opened_map(segmenter: Classifier) -> OpenedPictures:
    return OpenedPictures(
        engine=segmenter.facts,
        labels=map_labels(segmenter.contract),
        classes=known_classes(segmenter.contract, segmenter.output),
    )


def _opened_boxes(detector: Classifier, against: Classifier | None) -> OpenedPictures:
    detection = None if against is None else against.contract.detection
    return OpenedPictures(
        engine=detector.facts,
        labels=detector.box_labels,
        least=None if detection is None else detection.score_threshold,
    )


def answer_pictures(request: PicturesRequest) -> Iterator[Pictured]:
    """Do the board's part."""
    images = list_images(request.folder)
    open_one = open_segmenter if request.are_maps else open_as_given
    with opened_with_reference(request.opening, request.against, open_one) as both:
        opened = _opened_map(both[0]) if request.are_maps else _opened_boxes(*both)
        yield Pictured(opened=opened)
        sent = _sent_map if request.are_maps else _sent_boxes
        for found, against in _each(both, images, sent):
            yield Pictured(found=found, against=against)


def _sent_map(segmenter: Classifier, path: Path) -> SentPicture:
    return sent_map(_map(segmenter, path))


def _sent_boxes(detector: Classifier, path: Path) -> SentPicture:
    return sent_boxes(_boxes(detector, path))


@contextmanager
def _on_board(
    request: PicturesRequest,
    images: Sequence[Path],
    target: Target,
    read: Callable[..., AnswerT],
) -> Iterator[PictureAnswers[AnswerT]]:
    opening = request.opening
    artifacts = [path for path in (opening.artifact, request.against) if path is not None]
    with started(
        target,
        PICTURES,
        request,
        artifacts=artifacts,
        engine=opening.engine,
        contents={request.folder: images},
    ) as running:
        records = running.records()
        first = next(records, None)
        if first is None or first.opened is None:
            raise MeasurementError(f"{target}: does not say what answers; is that board yours?")
        pairs = _pairs(request, images, records, partial(read, labels=first.opened.labels))
        yield PictureAnswers(opened=first.opened, pairs=pairs)


def _pairs(
    request: PicturesRequest,
    images: Sequence[Path],
    records: Iterator[Pictured],
    read: Callable[..., AnswerT],
) -> Iterator[tuple[AnswerT, AnswerT | None]]:
    count = 0
    for image, record in zip(images, records, strict=False):
        found, against = record.found, record.against
        if found is None or (against is None) != (request.against is None):
            break
        count += 1
        where = f"the board's answer to {image}"
        other = None if against is None else read(against, where=where)
        yield read(found, where=where), other
    if count != len(images) or next(records, None) is not None:
        raise MeasurementError(
            f"{request.opening.artifact}: the board's answers are not of the {len(images)} images"
            " that were sent; is that board yours?"
        )
