"""A float .tflite as TensorFlow's converter writes it is the model that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.emit.test_emitters import onnx_scores, tflite_scores
from tests.export.graphs import steps_of
from tests.export.onnx_files.test_layers import assert_same_function
from tests.export.tflite_files.nets import CLASSES, SIDE, saved

from strop.export.frontend.convert import float_graph
from strop.export.ir.graph import Kind
from strop.export.source.source import Source, load_model_file
from strop.export.tensorflow_logs import native_stderr_dropped
from strop.runtime.errors import SourceError

OPTIMIZED = [tf.lite.Optimize.DEFAULT]
HALF = 2e-3  # of a probability; float16 keeps 11 bits of each weight
CODES = 3e-2  # likewise; int8 keeps 8


def keras_net(side: int | None = SIDE) -> keras.Model:
    """A network whose squeeze-and-excite and Flatten read the batch, where that is open."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((side, side, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(8, 1, activation="sigmoid")(gate)
    x = layers.DepthwiseConv2D(3, padding="same")(layers.Multiply()([x, gate]))
    x = layers.Flatten()(x) if side else layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax", name="answers")(x))


def converted(model: keras.Model, **settings: Any) -> bytes:
    """What TensorFlow's converter makes of it."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if settings.pop("is_float16", False):
        converter.target_spec.supported_types = [tf.float16]
    for name, value in settings.items():
        setattr(converter, name, value)
    with native_stderr_dropped():
        return bytes(converter.convert())


def answers(source: Source, images: np.ndarray) -> np.ndarray:
    return np.asarray(keras_net(source.height)(images / 255.0))


@pytest.mark.parametrize(
    ("settings", "slack"),
    [
        ({}, 1e-6),
        ({"optimizations": OPTIMIZED, "is_float16": True}, HALF),
        ({"optimizations": OPTIMIZED}, CODES),
    ],
    ids=["float32", "float16 weights", "int8 weights"],
)
def test_a_file_with_an_open_batch_is_the_model(
    settings: dict[str, object], slack: float, tmp_path: Path
) -> None:
    path = saved(converted(keras_net(), **settings), tmp_path)
    source = load_model_file(path, std=255.0)
    assert (source.classes, source.engine) == (CLASSES, "litert")
    assert source.names == ("picture", "output_0")
    images = np.random.default_rng(0).uniform(0, 255, (3, SIDE, SIDE, 3)).astype(np.float32)
    np.testing.assert_allclose(source.scores(images), answers(source, images), atol=slack)
    assert_same_function(source)
    kinds = {op.kind for op in float_graph(source).ops}
    assert not kinds & {Kind.FLOAT, Kind.TRANSPOSE}
    made = steps_of(source)
    found, step = tflite_scores(made)
    np.testing.assert_allclose(found, onnx_scores(made), rtol=0, atol=step * 1e-3)


def test_an_open_size_is_asked_for_and_taken(tmp_path: Path) -> None:
    path = saved(converted(keras_net(None)), tmp_path)
    with pytest.raises(SourceError, match=r"picture is \(\?, \?, \?, 3\).*pass --size HxW"):
        load_model_file(path)
    source = load_model_file(path, size=(20, 16))
    assert (source.height, source.width) == (20, 16)
    assert_same_function(source)
