"""TensorFlow's own tf.lite.Interpreter, by the documented snippet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.snippet import by_index


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, scores], of all outputs."""
    return by_index(tf.lite.Interpreter(model_path=str(path)), images)
