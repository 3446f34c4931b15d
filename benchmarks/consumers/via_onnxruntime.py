"""ONNX Runtime, given the bytes of an image."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
from consumers.answer import Images


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    session = onnxruntime.InferenceSession(str(path))
    (put,) = session.get_inputs()
    return [
        int(session.run(None, {put.name: pixels[None]})[0][0].argmax()) for pixels in images.pixels
    ]
