"""The TFLite Task Library's ImageClassifier, from arrays of the input's size."""

from __future__ import annotations

from pathlib import Path

from consumers.answer import Images
from tflite_support.task import core, processor, vision


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    options = vision.ImageClassifierOptions(
        base_options=core.BaseOptions(file_name=str(path)),
        classification_options=processor.ClassificationOptions(max_results=1),
    )
    classifier = vision.ImageClassifier.create_from_options(options)
    answers = (
        classifier.classify(vision.TensorImage.create_from_array(pixels))
        for pixels in images.pixels
    )
    return [answer.classifications[0].categories[0].index for answer in answers]
