"""MediaPipe's own metadata writer adds to the file, then its ImageClassifier runs the result."""

from __future__ import annotations

from pathlib import Path

from consumers.answer import Images
from consumers.mediapipe_tasks import classified, of_array
from mediapipe.tasks.python.metadata.metadata_writers import image_classifier, metadata_writer

WRITTEN = Path("written.tflite")  # in the current folder; the caller looks at it afterwards


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    labels = metadata_writer.Labels().add(list(images.labels))
    content = bytearray(path.read_bytes())
    writer = image_classifier.MetadataWriter.create(content, [127.5], [127.5], labels)
    written, _ = writer.populate()
    WRITTEN.write_bytes(written)
    return classified(WRITTEN, map(of_array, images.pixels))
