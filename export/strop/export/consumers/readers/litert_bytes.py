"""Runs a .tflite with LiteRT on bytes as they are: for programs that do no arithmetic on pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def opened(path: Path, *, num_threads: int = 1) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The interpreter, and what it says of the first input and the first result."""
    interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
    interpreter.allocate_tensors()
    return interpreter, interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def results(
    path: Path, images: Iterable[Pixels], *, num_threads: int = 1
) -> Iterator[NDArray[Any]]:
    """The first result for each image, as the file gives it.

    Args:
        path: A .tflite.
        images: uint8 [H, W, channels] each, of the input's size.
        num_threads: Of the interpreter.

    Raises:
        ValueError: The input is of another type or size.
    """
    interpreter, image, result = opened(path, num_threads=num_threads)
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[np.newaxis])
        interpreter.invoke()
        yield interpreter.get_tensor(result["index"])[0]
