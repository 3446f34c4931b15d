"""MediaPipe Tasks' ImageClassifier, from arrays of the input's size."""

from __future__ import annotations

from pathlib import Path

from consumers.answer import Images
from consumers.mediapipe_tasks import classified, of_array


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    return classified(path, map(of_array, images.pixels))
