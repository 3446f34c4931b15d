"""LiteRT, through the file's signature."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from consumers.answer import Images
from consumers.snippet import by_signature


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    return by_signature(Interpreter(model_path=str(path)), images)
