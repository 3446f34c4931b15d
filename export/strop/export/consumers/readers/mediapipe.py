"""MediaPipe Tasks' ImageClassifier.

Source: https://ai.google.dev/edge/mediapipe/solutions/vision/image_classifier/python
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The score of each class for each image, float32 [N, classes]."""
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(path)))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        if images.pixels is None:
            opened = map(_opened, images.paths)
        else:
            opened = map(_colour, images.pixels)
        return np.stack([_row(classifier.classify(image)) for image in opened])


def _opened(path: Path) -> Any:
    """Let MediaPipe load a file; a grey one, which the classifier refuses, becomes RGB."""
    image = mp.Image.create_from_file(str(path))
    if image.image_format != mp.ImageFormat.GRAY8:
        return image
    grey = image.numpy_view()
    return _colour(np.repeat(grey.reshape(*grey.shape[:2], 1), 3, axis=2))


def _colour(pixels: NDArray[np.uint8]) -> Any:
    """Wrap uint8 [H, W, 3]."""
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))


def _row(result: Any) -> NDArray[np.float32]:
    """Put the categories, which come with the best first, into the order of the classes."""
    categories = result.classifications[0].categories
    row = np.zeros(len(categories), np.float32)
    for category in categories:
        row[category.index] = category.score
    return row
