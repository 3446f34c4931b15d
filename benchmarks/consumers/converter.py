"""TensorFlow's and ONNX Runtime's own tools make the int8 files that strop's are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from peers.onnx_files import float_onnx, static_onnx
from peers.peer import Task

from strop.export.ir.graph import Array
from strop.export.source.source import Source
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime.artifact.contract import Contract
from strop.runtime.images.dataset import pixels_in_order

DTYPES = (tf.int8, tf.uint8)  # of the input and the output


def converted(
    model: Any, contract: Contract, images: Sequence[Path], folder: Path
) -> dict[str, Path]:
    """Quantize a model fully to integers, as TensorFlow's guide has it; one file a dtype.

    Args:
        model: A Keras model that takes pixels, 0..255.
        contract: How images become them.
        images: For the ranges.
        folder: For the files. Those that are in it already are taken as they are.

    Source: https://ai.google.dev/edge/litert/models/post_training_quantization
    """
    files = {
        f"TFLiteConverter, {dtype.name}": folder / f"converter.{dtype.name}.tflite"
        for dtype in DTYPES
    }
    if all(path.exists() for path in files.values()):
        return files
    inputs = [pixels[np.newaxis].astype(np.float32) for pixels in pixels_in_order(images, contract)]
    folder.mkdir(parents=True, exist_ok=True)
    for dtype, path in zip(DTYPES, files.values(), strict=True):
        path.write_bytes(_convert(model, inputs, dtype))
    return files


def quantized_static(
    source: Source, contract: Contract, images: Sequence[Path], folder: Path
) -> dict[str, Path]:
    """Quantize a model by quantize_static, float at both ends, as its documentation advises.

    Args:
        source: The model.
        contract: How images become its input.
        images: For the ranges.
        folder: For the file. One that is in it already is taken as it is.
    """
    path = folder / "onnx-static.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        task = Task(source=source, contract=contract, calibration=tuple(images), folder=folder)
        static_onnx(task, {"onnx-float": float_onnx(task, {})})
    return {"quantize_static": path}


def _convert(model: Any, inputs: Sequence[Array], dtype: tf.DType) -> bytes:
    def representative_dataset() -> Iterator[list[Array]]:
        for image in inputs:
            yield [image]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = dtype
    converter.inference_output_type = dtype
    with native_stderr_held():
        content: bytes = converter.convert()
    return content
