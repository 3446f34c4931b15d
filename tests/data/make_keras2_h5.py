"""Write the Keras 2 files of this folder, and what Keras 2 itself computes with them.

Keras 2 lives on as tf-keras, which cannot share an environment with strop's own
dependencies. Make one of its own outside the repository, then run this script in it:

    uv venv --python 3.11 /tmp/keras2
    uv pip install --python /tmp/keras2 tf-keras==2.21.0 tensorflow-cpu==2.21.0
    /tmp/keras2/bin/python tests/data/make_keras2_h5.py tests/data

Beside every NAME.h5 is NAME.json: its number of channels, and its scores for the images
that tests/export/test_keras2.py draws again.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras  # type: ignore[import-not-found]  # not in strop's environment

SIDE = 16  # pixels
CLASSES = 5
IMAGES = 3
layers = keras.layers


def depthwise() -> Any:
    """What Keras 3 stumbles over first: DepthwiseConv2D saved with `groups`."""
    image = layers.Input((SIDE, SIDE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(6.0)(x)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.DepthwiseConv2D(3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(8, 3, padding="same")(x)
    x = layers.LeakyReLU(alpha=0.1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def hard_swish() -> Any:
    """A MobileNetV3 block as keras.applications wrote it: x + 3 and * 1/6 are TFOpLambda."""

    def hard_sigmoid(x: Any) -> Any:
        return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)

    image = layers.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same")((image - 127.5) / [127.5])
    x = layers.Multiply()([x, hard_sigmoid(x)])
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(8, 1, activation="relu", name="squeeze_excite/Conv")(squeezed)
    squeezed = layers.Conv2D(8, 1, activation="hard_sigmoid")(squeezed)
    y = tf.nn.relu6(x * squeezed)
    y = 2.0 - tf.concat([x + y, tf.nn.silu(y), tf.math.subtract(x, y)], axis=-1)
    y = layers.GlobalAveragePooling2D(keepdims=True)(y)
    y = layers.Conv2D(CLASSES, 1)(y)
    return keras.Model(image, tf.nn.softmax(tf.reshape(y, [-1, CLASSES])))


def transfer() -> Any:
    """Transfer learning as the TensorFlow tutorial does it: a frozen backbone, nested."""
    image = layers.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="Conv1")(image)
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    backbone = keras.Model(image, x, name="backbone")
    backbone.trainable = False
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)])

    image = layers.Input((SIDE, SIDE, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(augment(image))
    x = backbone(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES)(x))


def half_frozen() -> Any:
    """A Sequential with a nested backbone whose first half is frozen, mixed precision."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    backbone = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 3, use_bias=False, trainable=False),
            layers.BatchNormalization(trainable=False),
            layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, use_bias=False),
            layers.BatchNormalization(),
        ]
    )
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            backbone,
            layers.GlobalMaxPooling2D(),
            layers.Dense(CLASSES, activation="sigmoid", dtype="float32"),
        ]
    )
    keras.mixed_precision.set_global_policy("float32")
    return model


def main(folder: Path) -> None:
    # Keras 2 says of every .h5 that the format is legacy: it is what is wanted here.
    warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
    generator = np.random.default_rng(0)
    for make in (depthwise, hard_swish, transfer, half_frozen):
        model = make()
        # Distinct values everywhere: a weight loaded into the wrong place must show.
        for weight in model.weights:
            drawn = generator.normal(0, 0.4, weight.shape)
            is_variance = "variance" in weight.name
            weight.assign(np.abs(drawn) + 0.1 if is_variance else drawn)
        model.save(folder / f"keras2_{make.__name__}.h5", include_optimizer=False)
        channels = model.input_shape[-1]
        images = np.random.default_rng(1).integers(0, 256, (IMAGES, SIDE, SIDE, channels))
        scores = model(images.astype(np.float32), training=False).numpy().astype(np.float64)
        record = {"channels": channels, "scores": scores.tolist()}
        (folder / f"keras2_{make.__name__}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
