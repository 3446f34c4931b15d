"""Draws the maps of a few validation images, the float model's beside a file's, for the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from strop.export.certify.float_scores import float_scores
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime import open as open_artifact
from strop.runtime.classify.decision import Decision, answers
from strop.runtime.classify.map_drawing import JPEG_QUALITY, overlay
from strop.runtime.classify.truth import evenly
from strop.runtime.images.load import load_image

MOST, SIDE = 4, 320  # pictures of some 15 kB; pixels of the longer side


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One image's answers, drawn.

    Attributes:
        name: Of its file.
        of_float: JPEG of the float model's answer over the picture.
        of_file: The same of the artifact's.
    """

    name: str
    of_float: bytes
    of_file: bytes


def map_pictures(
    source: Source, artifact: Path, options: ExportOptions, decision: Decision
) -> tuple[Compared, ...]:
    """Draw the maps of some images.

    Args:
        source: The float model.
        artifact: A file of it, its contract inside.
        options: Which images.
        decision: The rule of the map.
    """
    paths = evenly(options.validation or options.calibration, MOST)
    scores = float_scores(source)
    with native_stderr_held():
        opened = open_artifact(artifact)
    with opened:
        found = [(path, opened.class_map(path)) for path in paths]
        contract = opened.contract
    drawn = []
    for path, answer in found:
        rows = answers(decision, scores(load_image(path, contract)[None], [path]))
        own = rows[0].astype(np.uint8).reshape(answer.classes.shape)
        of_float = _jpeg(overlay(path, replace(answer, classes=own)))
        of_file = _jpeg(overlay(path, answer))
        drawn.append(Compared(name=path.name, of_float=of_float, of_file=of_file))
    return tuple(drawn)


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((SIDE, SIDE))
    content = BytesIO()
    image.save(content, "JPEG", quality=JPEG_QUALITY)
    return content.getvalue()
