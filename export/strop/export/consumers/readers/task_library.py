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
    if images.pixels is None:
        opened = (vision.TensorImage.create_from_file(str(each)) for each in images.paths)
    else:
        opened = (vision.TensorImage.create_from_array(pixels) for pixels in images.pixels)
    return np.stack([_row(classifier.classify(image)) for image in opened])


def _row(result: Any) -> NDArray[np.float32]:
    """Put the categories, which come with the best first, into the order of the classes."""
    categories = result.classifications[0].categories
    row = np.zeros(len(categories), np.float32)
    for category in categories:
        row[category.index] = category.score
    return row
