"""TensorFlow's own converter: float32, and full int8 with its own calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from peers.peer import Built, Task

from strop.export.ir.graph import Array
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_held


def float_tflite(task: Task, made: Mapping[str, Built]) -> Built:
    """TFLiteConverter without optimizations, batch 1; of an .onnx, what strop reads it as."""
    if task.source.tflite is not None:
        path = task.folder / "tflite-float.tflite"
        path.write_bytes(task.source.tflite)
        return Built(path=path, options={"by": "strop", "batch": 1})
    converter = _converter(task.source)
    path = task.folder / "tflite-float.tflite"
    with native_stderr_held():
        path.write_bytes(converter.convert())
    return Built(path=path, options={"batch": 1})


def int8_tflite(task: Task, made: Mapping[str, Built]) -> Built:
    """Full integer quantization as TensorFlow's guide has it, int8 input and output.

    int8 and not uint8, which would add a QUANTIZE at either end.

    Source: https://ai.google.dev/edge/litert/models/post_training_quantization
    """

    def representative_dataset() -> Iterator[list[Array]]:
        for image in task.inputs():
            yield [image]

    converter = _converter(task.source)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    path = task.folder / "tflite-int8.tflite"
    with native_stderr_held():
        path.write_bytes(converter.convert())
    return Built(
        path=path,
        options={
            "batch": 1,
            "optimizations": ["DEFAULT"],
            "supported_ops": ["TFLITE_BUILTINS_INT8"],
            "inference_input_type": "int8",
            "inference_output_type": "int8",
            "representative_dataset": len(task.calibration),
        },
    )


def _converter(source: Source) -> Any:
    spec = tf.TensorSpec((1, source.height, source.width, source.channels), tf.float32, "image")
    function = tf.function(source.apart or source.forward, autograph=False).get_concrete_function(
        spec
    )
    return tf.lite.TFLiteConverter.from_concrete_functions([function])
