"""Asks one consumer about one file, in an environment that is made for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from consumers.catalogue import Row

from strop.export.consumers import ask
from strop.export.consumers.presence import environment_of, install_for, why_not_here
from strop.export.consumers.readers.images import Images
from strop.runtime.errors import ConsumerError


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a consumer made of a file.

    Attributes:
        classes: The best one of each image; empty where there is no answer.
        refused: Why it does not take the file; "" where it does.
        missing: Why it could not be installed here; "" where it could.
    """

    classes: tuple[int, ...] = ()
    refused: str = ""
    missing: str = ""


def answer_of(row: Row, path: Path, images: Images) -> Answer:
    """Ask about all images; what it says instead of an answer is an answer too.

    Args:
        row: Installed on the way, where it is not yet.
        path: The file.
        images: As it opens them: files or pixels.
    """
    try:
        if environment_of(row.consumer) is None:
            install_for(row.consumer)
    except ConsumerError as err:
        return Answer(missing=str(err))
    environment = environment_of(row.consumer)
    if environment is None:
        return Answer(missing=why_not_here(row.consumer, environment))
    try:
        scores = ask.ask(row.reader, environment, path, images)
    except ConsumerError as err:
        return Answer(refused=str(err))
    return Answer(classes=tuple(scores.argmax(axis=1).tolist()))
