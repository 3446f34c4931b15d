"""tflite-runtime, by the documented snippet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tflite_runtime.interpreter import Interpreter

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.snippet import by_index


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes]."""
    return by_index(Interpreter(model_path=str(path)), images)
