"""ONNX Runtime, given the bytes of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes]."""
    session = onnxruntime.InferenceSession(str(path))
    (put,) = session.get_inputs()
    if images.pixels is None:
        raise ValueError("takes pixels only")
    return np.stack([session.run(None, {put.name: pixels[None]})[0][0] for pixels in images.pixels])
