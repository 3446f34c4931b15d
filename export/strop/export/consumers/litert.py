"""LiteRT's interpreter, as TensorFlow's documentation uses it."""

from __future__ import annotations

from strop.export.consumers.consumer import Consumer, Reading
from strop.runtime.artifact.artifact import Format

CONSUMER = Consumer(
    name="litert",
    title="LiteRT",
    takes="any .tflite; codes by the scale and zero point of its input: the documented snippet",
    source="https://ai.google.dev/edge/litert/models/post_training_integer_quant",
    reading=Reading.OWN_CODE,
    settings={"formats": ((Format.TFLITE,),)},
    packages=("ai-edge-litert",),
    reader="litert",
    takes_several_outputs=True,
)
