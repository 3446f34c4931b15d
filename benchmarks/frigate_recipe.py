"""Frigate's own recipe for a custom classifier: how it trains one, and how it makes it int8.

Source: github.com/blakeblackshear/frigate, frigate/util/classification.py,
    `ClassificationTrainingProcess`, commit 04e62ac
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from strop.export.consumers.readers.frigate import SIDE, frame
from strop.export.tensorflow_logs import native_stderr_held
from strop.runtime.images.dataset import LabelledImage

MAX_REPRESENTATIVE = 300  # images that the ranges are measured on
BATCH = 16
EPOCHS = 50
LEARNING_RATE = 0.001
HIDDEN = 128
DROPOUT = 0.3
HELD_BACK = 0.2  # of every class, the first in the order of the names; nothing learns from them
SEED = 0


def trained(base: Any, images: Sequence[LabelledImage], *, classes: int) -> Any:
    """Train a classifier on a frozen network, as Frigate does.

    Its convolutions are not trained, so that they are run once per image and not once per epoch.

    Args:
        base: Keras model without a classifier, [N, 224, 224, 3] to [N, h, w, features]. Frigate has
            MobileNetV2 0.35 with ImageNet's weights, and gives it 0..1 where these want -1..1.
        images: Frigate's folder; a fifth of every class stays out, for the validation that
            Frigate never does.
        classes: Length of a row of scores.

    Returns:
        A Keras model that takes 0..1 and gives probabilities.
    """
    keras.utils.set_random_seed(SEED)
    base.trainable = False
    chosen = list(_learned_from(images, classes))
    pixels = np.stack([_nearest(image.path) for image in chosen]) / np.float32(255)
    truth = np.eye(classes, dtype=np.float32)[classes_of(chosen)]
    features = base.predict(pixels, batch_size=BATCH, verbose=0)
    head = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    head.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="categorical_crossentropy")
    head.fit(features, truth, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), base, *head.layers])


def quantized(model: Any, paths: Sequence[Path], *, scale: float) -> bytes:
    """Make a uint8 .tflite, as Frigate does.

    Args:
        model: A Keras model.
        paths: Images for the ranges; the first 300 are taken.
        scale: What the model takes for a pixel of 1: 1/255 in Frigate.
    """

    def representative_dataset() -> Iterator[list[NDArray[np.float32]]]:
        for path in paths[:MAX_REPRESENTATIVE]:
            yield [(frame(path) * np.float32(scale))[np.newaxis]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    with native_stderr_held():
        content: bytes = converter.convert()
    return content


def classes_of(images: Sequence[LabelledImage]) -> list[int]:
    """The class of each image that has one."""
    return [image.class_index for image in images if image.class_index is not None]


def _learned_from(images: Sequence[LabelledImage], classes: int) -> Iterator[LabelledImage]:
    for index in range(classes):
        same = [image for image in images if image.class_index == index]
        yield from same[int(HELD_BACK * len(same)) :]


def _nearest(path: Path) -> NDArray[np.uint8]:
    """As Keras' ImageDataGenerator resizes where nothing is said."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST))
