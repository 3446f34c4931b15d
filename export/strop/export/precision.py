"""The names of precisions, as they stand on the command line and in file names."""

from __future__ import annotations

from enum import Enum

from strop.runtime.artifact import Format


class Precision(str, Enum):
    """What the arithmetic and the weights of an artifact are."""

    INT8 = "int8"
    """Full integer: int8 weights and activations, uint8 image in."""
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    """Weights stored as float16, arithmetic in float."""
    DYNAMIC = "dynamic"
    """int8 weights, float activations quantized as the kernels run."""


FORMATS: dict[Precision, tuple[Format, ...]] = {
    Precision.INT8: (Format.TFLITE, Format.ONNX),
    Precision.FLOAT32: (Format.TFLITE, Format.ONNX),
    Precision.FLOAT16: (Format.TFLITE,),
    Precision.DYNAMIC: (Format.TFLITE,),
}
"""Which formats a precision is written in."""
