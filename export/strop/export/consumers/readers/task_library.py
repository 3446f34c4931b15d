"""The TFLite Task Library's ImageClassifier.

Source: https://ai.google.dev/edge/litert/libraries/task_library/image_classifier
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tflite_support.task import core, vision

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The score of each class for each image, float32 [N, classes]."""
    options = vision.ImageClassifierOptions(base_options=core.BaseOptions(file_name=str(path)))
    classifier = vision.ImageClassifier.create_from_options(options)
    rows = []
    for pixels in map(_opened, images.paths) if images.pixels is None else images.pixels:
        # It keeps no copy: `pixels` has to live until the answer is there.
        image = vision.TensorImage.create_from_array(pixels)
        rows.append(_row(classifier.classify(image)))
    return np.stack(rows)


def _opened(path: Path) -> NDArray[np.uint8]:
    """Let the library load a file; a grey one, which the classifier refuses, becomes RGB."""
    pixels = np.array(vision.TensorImage.create_from_file(str(path)).buffer)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _row(result: Any) -> NDArray[np.float32]:
    """Put the categories, which come with the best first, into the order of the classes."""
    categories = result.classifications[0].categories
    row = np.zeros(len(categories), np.float32)
    for category in categories:
        row[category.index] = category.score
    return row
