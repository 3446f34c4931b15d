"""tflite-runtime, by the documented snippet."""

from __future__ import annotations

from pathlib import Path

from consumers.answer import Images
from consumers.snippet import by_index
from tflite_runtime.interpreter import Interpreter


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    return by_index(Interpreter(model_path=str(path)), images)
