"""ai-edge-quantizer reads the file and writes it anew without changes; LiteRT runs the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.snippet import by_index


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes]."""
    tool = quantizer.Quantizer(str(path))
    tool.add_dynamic_config(regex="no such layer", operation_name="FULLY_CONNECTED", num_bits=8)
    written = tool.quantize().quantized_model
    return by_index(Interpreter(model_content=bytes(written)), images)
