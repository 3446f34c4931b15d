"""MediaPipe's own metadata writer adds to the file, then its ImageClassifier runs the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mediapipe.tasks.python.metadata.metadata_writers import image_classifier, metadata_writer
from numpy.typing import NDArray

from strop.export.consumers.readers import mediapipe
from strop.export.consumers.readers.images import Images

WRITTEN = "written.tflite"  # beside the file, where the benchmark looks for it


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes]."""
    labels = metadata_writer.Labels().add(list(images.labels))
    content = bytearray(path.read_bytes())
    writer = image_classifier.MetadataWriter.create(content, [127.5], [127.5], labels)
    written, _ = writer.populate()
    target = path.with_name(WRITTEN)
    target.write_bytes(written)
    return mediapipe.scores(target, images)
