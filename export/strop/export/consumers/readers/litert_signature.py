"""LiteRT, through the file's signature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.snippet import by_signature


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, scores], of all outputs."""
    return by_signature(Interpreter(model_path=str(path)), images)
