"""MediaPipe Tasks' ImageClassifier, which loads and stretches the images itself."""

from __future__ import annotations

from pathlib import Path

from consumers.answer import Images
from consumers.mediapipe_tasks import classified, of_file


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    return classified(path, map(of_file, images.paths))
