"""ONNX Runtime, given the bytes of an image."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Reading
from strop.export.options.choices import OnnxInput, Precision
from strop.runtime.artifact.artifact import Format

CONSUMER = Consumer(
    name="onnxruntime",
    title="ONNX Runtime",
    takes=".onnx; uint8 RGB in NHWC, the bytes of an image, and float scores",
    source="https://onnxruntime.ai/docs/api/python/api_summary.html",
    reading=Reading.OWN_CODE,
    settings={
        "formats": ((Format.ONNX,),),
        "precisions": ((Precision.INT8,),),
        "onnx_input": (OnnxInput.BYTES,),
    },
    packages=("onnxruntime",),
    reader="onnxruntime",
    takes_several_outputs=True,
)
