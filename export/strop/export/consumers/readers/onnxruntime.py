"""ONNX Runtime, given what the file's input takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, scores], of all outputs."""
    session = onnxruntime.InferenceSession(str(path))
    (put,) = session.get_inputs()
    is_float = put.type == "tensor(float)"
    taken = images.values() if is_float else images.pixels
    if taken is None:
        raise ValueError("takes pixels, and files were given")
    # An input of 1 or 3 channels behind the batch has them first.
    order = (2, 0, 1) if is_float and put.shape[1] in (1, 3) else (0, 1, 2)
    rows = []
    for image in taken:
        results = session.run(None, {put.name: image.transpose(order)[None]})
        rows.append(np.concatenate([result[0].reshape(-1) for result in results]))
    return np.stack(rows)
