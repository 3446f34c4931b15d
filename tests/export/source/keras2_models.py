"""Small models of Keras 2, made with tf-keras: one for each form that people save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers
SIDE = 16
CLASSES = 5
MAKERS: dict[str, Callable[[], Any]] = {}


def maker(make: Callable[[], Any]) -> Callable[[], Any]:
    """Add a model to `MAKERS` by its function's name."""
    MAKERS[make.__name__] = make
    return make


def made(name: str) -> Any:
    """One of `MAKERS`, with distinct weights: one loaded into the wrong place must show."""
    model = MAKERS[name]()
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.dtype.is_floating:
            drawn = generator.normal(0, 0.4, weight.shape)
            is_variance = "variance" in weight.name
            weight.assign(np.abs(drawn) + 0.1 if is_variance else drawn)
    return model


def pixels(model: Any) -> Any:
    """float32 pixels 0..255 for a model."""
    shape = (3, *model.input_shape[1:])
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)


def backbone() -> Any:
    image = layers.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, strides=2, use_bias=False, name="Conv1")(image)
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(image, x, name="backbone")


def features() -> Any:
    return keras.Sequential([backbone(), layers.GlobalAveragePooling2D()])


def head() -> Any:
    return keras.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(4,)),
            layers.Dense(CLASSES, activation="softmax", use_bias=False),
        ]
    )


@maker
def teachable_machine() -> Any:
    """A Sequential of a Sequential of a Functional, and of a Sequential."""
    return keras.Sequential([features(), head()])


@maker
def functional_in_sequential() -> Any:
    return keras.Sequential([backbone(), layers.GlobalAveragePooling2D(), head()])


@maker
def functional_in_sequential_twice() -> Any:
    return keras.Sequential([features(), layers.Dense(CLASSES, activation="softmax")])


@maker
def sequential_in_functional() -> Any:
    image = layers.Input((SIDE, SIDE, 3))
    return keras.Model(image, head()(features()(image)))


@maker
def called_twice() -> Any:
    image = layers.Input((SIDE, SIDE, 3))
    inner = features()
    return keras.Model(image, layers.Add()([inner(image), inner(image * 0.5)]))


@maker
def built_by_its_first_call() -> Any:
    model = keras.Sequential(
        [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(CLASSES)]
    )
    model(np.zeros((1, SIDE, SIDE, 3), np.float32))
    return model


@maker
def many_layers() -> Any:
    """What Keras 3 calls differently, or does not have."""
    image = layers.Input((SIDE, SIDE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = layers.RandomFlip()(layers.RandomHeight(0.1)(x))
    x = layers.Conv2D(8, 3, padding="same", kernel_regularizer="l2")(x)
    x = layers.SpatialDropout2D(0.1)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2, use_bias=False)(layers.ZeroPadding2D(1)(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.SeparableConv2D(8, 3, padding="same")(x))
    x = layers.LeakyReLU(alpha=0.1)(layers.Conv2DTranspose(8, 3)(x))
    x = layers.ThresholdedReLU(0.2)(layers.TimeDistributed(layers.Dense(8))(x))
    x = layers.Conv2D(8, 1, activation="hard_sigmoid")(layers.UpSampling2D()(x))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


@maker
def normalization() -> Any:
    scaled = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])
    return keras.Sequential(
        [layers.Input((SIDE, SIDE, 3)), scaled, layers.Flatten(), layers.Dense(CLASSES)]
    )


@maker
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
    y = layers.Conv2D(CLASSES, 1)(layers.GlobalAveragePooling2D(keepdims=True)(y))
    return keras.Model(image, tf.nn.softmax(tf.reshape(y, [-1, CLASSES])))


@maker
def calls_of_tensorflow() -> Any:
    """Caffe's preprocessing, and functions that no layer of Keras stands for."""
    image = layers.Input((SIDE, SIDE, 3))
    x = keras.applications.resnet50.preprocess_input(image) / 255
    x = tf.pad(x[:, 1:-1], [[0, 0], [1, 1], [2, 0], [0, 0]])
    x = tf.concat(tf.split(tf.image.resize(x, (8, 8)), 3, axis=-1)[::-1], axis=-1)
    x = tf.maximum(x, tf.reduce_mean(x, axis=[1, 2], keepdims=True))
    x = tf.transpose(tf.reshape(x, [tf.shape(x)[0], -1, 3]), [0, 2, 1])
    return keras.Model(image, layers.Dense(CLASSES)(tf.nn.softmax(tf.reduce_max(x, 2), axis=1)))


@maker
def transfer() -> Any:
    """Transfer learning as the TensorFlow tutorial does it: a frozen backbone, nested."""
    inner = backbone()
    inner.trainable = False
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)])
    image = layers.Input((SIDE, SIDE, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(augment(image))
    x = layers.GlobalAveragePooling2D()(inner(x, training=False))
    return keras.Model(image, layers.Dense(CLASSES)(x))


@maker
def half_frozen() -> Any:
    """A Sequential with a nested backbone whose first half is frozen, mixed precision."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    inner = keras.Sequential(
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
            inner,
            layers.GlobalMaxPooling2D(),
            layers.Dense(CLASSES, activation="sigmoid", dtype="float32"),
        ]
    )
    keras.mixed_precision.set_global_policy("float32")
    return model
