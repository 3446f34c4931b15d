"""What goes into an int8 file, and what comes out of it; names on the command line."""

from __future__ import annotations

from enum import Enum


class Input(str, Enum):
    """How an int8 .tflite takes the image; the .onnx takes bytes."""

    INT8 = "int8"
    """Bytes less 128, which the runtime makes in passing: no engine has a fast kernel for it."""
    UINT8 = "uint8"
    """The bytes as they are, for programs that hand these over."""


class Result(str, Enum):
    """What an int8 file gives for an image."""

    SCORES = "scores"
    """What the last softmax or sigmoid would take: int8 in the .tflite. The runtime applies it."""
    PROBABILITIES = "probabilities"
    """float32, the softmax or sigmoid computed in float at the end of the file."""
