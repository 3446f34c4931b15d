"""ai-edge-quantizer reads the file and writes it anew without changes; LiteRT runs the result."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer
from consumers.answer import Images
from consumers.snippet import by_index


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    tool = quantizer.Quantizer(str(path))
    tool.add_dynamic_config(regex="no such layer", operation_name="FULLY_CONNECTED", num_bits=8)
    written = tool.quantize().quantized_model
    return by_index(Interpreter(model_content=bytes(written)), images)
