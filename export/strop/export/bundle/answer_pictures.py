"""Draws the answers to a few images, the float model's beside a file's, for the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from strop.export.bundle.picture_pairs import (
    Pair,
    Question,
    boxes_of_both,
    maps_of_both,
    points_of_both,
)
from strop.export.certify.float_scores import float_scores
from strop.export.certify.opened_files import opened_files
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.map_drawing import JPEG_QUALITY
from strop.runtime.classify.truth import evenly
from strop.runtime.images.load import load_seen, small_picture

MOST, SIDE = 4, 320  # pictures of some 15 kB, at most some 70; pixels of the longer side

Answer = Callable[[Question], Pair]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One image's answers, drawn.

    Attributes:
        name: Of the image's file.
        file: Name of the artifact.
        of_float: JPEG of the picture with the float model's answer.
        of_file: The same with the artifact's.
        difference: Of the two, in words.
    """

    name: str
    file: str
    of_float: bytes
    of_file: bytes
    difference: str


def answer_pictures(source: Source, artifact: Path, options: ExportOptions) -> tuple[Compared, ...]:
    """Draw maps, boxes or points of some images; none of models whose answer has no place.

    Args:
        source: The float model.
        artifact: A file of it, its contract inside.
        options: Which images, and what the outputs are.
    """
    answers = _answers(source, options)
    if not answers:
        return ()
    scores = float_scores(source)
    drawn = []
    with opened_files([artifact]) as (opened,):
        for path in evenly(options.validation or options.calibration, MOST):
            seen = load_seen(path, opened.contract)
            question = Question(
                path=path,
                picture=_picture(path),
                seen=seen,
                row=scores(seen.pixels[None], [path])[0],
                opened=opened,
            )
            for answer in answers:
                pair = answer(question)
                drawn.append(
                    Compared(
                        name=path.name,
                        file=artifact.name,
                        of_float=_jpeg(pair.of_float),
                        of_file=_jpeg(pair.of_file),
                        difference=pair.difference,
                    )
                )
    return tuple(drawn)


def _answers(source: Source, options: ExportOptions) -> list[Answer]:
    """Choose how the outputs are drawn, those with places in the picture."""
    if options.detection is not None:
        return [partial(boxes_of_both, source=source, detection=options.detection)]
    if options.decision is not None and options.decision.is_map:
        return [partial(maps_of_both, decision=options.decision)]
    return [
        partial(points_of_both, source=source, place=place, decision=one.decision)
        for place, one in enumerate(options.each_output)
        if one.decision is not None and one.decision.task is Task.LANDMARKS
    ]


def _picture(path: Path) -> Image.Image:
    """Load a picture so that its longer side is SIDE: what is drawn in it can be read."""
    picture = small_picture(path, 2 * SIDE)
    scale = SIDE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def _jpeg(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()
