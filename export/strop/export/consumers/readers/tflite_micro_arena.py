"""Finds the smallest arena in which TensorFlow Lite Micro runs a file, by trying.

    python -I tflite_micro_arena.py MODEL.tflite

The last line of the output is JSON: `arena_bytes`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tflite_micro.python.tflite_micro.runtime import Interpreter

ALIGNMENT = 16  # bytes, of the arena: tensorflow/lite/micro/micro_arena_constants.h
MOST_BYTES = 1 << 28


def opened(content: bytes, arena_bytes: int) -> Any:
    """Open a file; None where the arena is too small."""
    try:
        return Interpreter.from_bytes(content, arena_size=arena_bytes)
    except RuntimeError:
        return None


def smallest(content: bytes) -> int:
    """Return the least multiple of 16 bytes in which all tensors have room.

    Raises:
        RuntimeError: The file is not opened with any size, or does not run in the least one.
    """
    enough = MOST_BYTES
    if opened(content, enough) is None:
        raise RuntimeError("not opened with an arena of any size")
    too_small = 0
    while enough - too_small > ALIGNMENT:
        middle = (enough + too_small) // 2 // ALIGNMENT * ALIGNMENT
        if opened(content, middle) is None:
            too_small = middle
        else:
            enough = middle
    # Kernels ask for room until the tensors are allocated, and not while they run.
    interpreter = opened(content, enough)
    details = interpreter.get_input_details(0)
    interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
    interpreter.invoke()
    return enough


if __name__ == "__main__":
    found = smallest(Path(sys.argv[1]).read_bytes())
    sys.stdout.write("\n" + json.dumps({"arena_bytes": found}) + "\n")
