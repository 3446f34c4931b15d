"""What an int8 file gives for an image."""

from __future__ import annotations

from enum import Enum


class Result(str, Enum):
    """Names on the command line."""

    SCORES = "scores"
    """What the last softmax or sigmoid would take: int8 in the .tflite. The runtime applies it."""
    PROBABILITIES = "probabilities"
    """float32, the softmax or sigmoid computed in float at the end of the file."""
