"""LiteRT, by the documented snippet."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from consumers.answer import Images
from consumers.snippet import by_index


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    return by_index(Interpreter(model_path=str(path)), images)
