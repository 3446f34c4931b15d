"""TensorFlow's own tf.lite.Interpreter."""

from __future__ import annotations

import platform

from strop.export.consumers.consumer import Consumer, Reading
from strop.runtime.artifact.artifact import Format

# The package that the extra `export` has for this computer.
PACKAGE = "tensorflow-cpu" if platform.machine() == "x86_64" else "tensorflow"
CONSUMER = Consumer(
    name="tensorflow",
    title="TensorFlow's tf.lite.Interpreter",
    takes="any .tflite; codes by the scale and zero point of its input: the documented snippet",
    source="https://ai.google.dev/edge/litert/models/post_training_integer_quant",
    reading=Reading.OWN_CODE,
    settings={"formats": ((Format.TFLITE,),)},
    packages=(PACKAGE,),
    reader="tensorflow",
    takes_several_outputs=True,
)
