"""The names of precisions, as they stand on the command line and in file names."""

from __future__ import annotations

from enum import Enum

from strop.runtime.artifact.artifact import Format


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


class Input(str, Enum):
    """How an int8 .tflite takes the image; for the .onnx see OnnxInput."""

    INT8 = "int8"
    """Bytes less 128, which the runtime makes in passing: no engine has a fast kernel for it."""
    UINT8 = "uint8"
    """The bytes as they are, for programs that hand these over."""


class OnnxInput(str, Enum):
    """How an int8 .onnx takes the image; its codes are the same."""

    BYTES = "bytes"
    """uint8 [N, height, width, channels], as images lie in memory."""
    FLOAT_NCHW = "float-nchw"
    """float32 [N, channels, height, width] of pixels 0..255, as OpenCV's blobFromImage and most
    programs that run .onnx files give it."""


class OnnxForm(str, Enum):
    """In what operations an int8 .onnx says its integers.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """

    QDQ = "qdq"
    """Float operations between DequantizeLinear and QuantizeLinear, which engines fuse."""
    QOPERATOR = "qoperator"
    """Operations on integers, some of them ONNX Runtime's own, for programs that do not fuse;
    scores that come out of a convolution or dense layer are its floats."""


class ResultType(str, Enum):
    """In what numbers an int8 .tflite gives its result; the .onnx gives floats."""

    INT8 = "int8"
    UINT8 = "uint8"
    """Codes of int8 and 128, for programs that read bytes."""
    FLOAT32 = "float32"


class Result(str, Enum):
    """What an int8 file gives for an image."""

    SCORES = "scores"
    """What the last softmax or sigmoid would take. The runtime applies it."""
    PROBABILITIES = "probabilities"
    """What the softmax or sigmoid at the end of the file gives: computed in float, or in int8 in
    steps of 1/256 where the result's type is one of codes."""

    @property
    def usual_type(self) -> ResultType:
        """The type where none is asked for: int8's steps make ties of small probabilities."""
        return ResultType.INT8 if self is Result.SCORES else ResultType.FLOAT32


class Effort(str, Enum):
    """Names on the command line; each one contains those before it."""

    FAST = "fast"
    """Equalization and bias correction."""
    DEFAULT = "default"
    """Also ranges chosen by their error at the scores, and weights rounded layer by layer."""
    HIGH = "high"
    """The same, judged by four times as many images and inputs."""
