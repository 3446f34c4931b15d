"""MediaPipe Tasks' ImageClassifier."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision


def classified(path: Path, images: Iterable[Any]) -> list[int]:
    """The best class of each mp.Image."""
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(path)), max_results=1
    )
    with vision.ImageClassifier.create_from_options(options) as classifier:
        answers = [classifier.classify(image) for image in images]
    return [answer.classifications[0].categories[0].index for answer in answers]


def of_array(pixels: Any) -> Any:
    """Wrap uint8 [H, W, 3]."""
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=pixels)


def of_file(path: Path) -> Any:
    """Let MediaPipe load the image."""
    return mp.Image.create_from_file(str(path))
