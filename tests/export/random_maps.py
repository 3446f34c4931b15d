"""Random Keras networks that end in a map of classes, through the export.

    python -m tests.export.random_maps --seeds 0 100

prints a line for every network whose files differ, or have another map than the model.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from tests.export.both_files import both_files, print_failures
from tests.export.graphs import images_for
from tests.export.random_layers import coin, random_layer
from tests.export.random_networks import CALIBRATION_IMAGES, front, randomize

from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import proven_fold
from strop.export.options.choices import Effort
from strop.export.passes.cut_activation import cut_activations
from strop.export.quantize.tune import tune
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import decide
from strop.runtime.errors import GraphError, StropError

layers = keras.layers
Random = np.random.Generator
SIDES = (16, 24, 32)


def model_of_map(seed: int) -> keras.Model:
    """A random body, a head as LR-ASPP or DeepLab have it, scores, enlarging, and an end."""
    random = np.random.default_rng(seed + 2_000_000)
    image = keras.Input((int(random.choice(SIDES)), int(random.choice(SIDES)), 3), name="image")
    x = front(random, image)
    for _ in range(int(random.integers(1, 5))):
        made = random_layer(random, x)
        x = made if len(made.shape) == 4 and min(made.shape[1:3]) > 1 else x
    classes = int(random.integers(1, 7))
    x = _enlarged(random, layers.Conv2D(classes, 1, name="scores")(_head(random, x)))
    end = ("none", "softmax", "sigmoid")[int(random.integers(3))] if classes > 1 else "sigmoid"
    if end == "softmax":
        x = layers.Softmax(name="end")(x)
    elif end == "sigmoid":
        x = layers.Activation("sigmoid", name="end")(x)
    if classes == 1 and coin(random):
        x = layers.Reshape(x.shape[1:3])(x)
    model = keras.Model(image, x)
    randomize(model, random)
    return model


def _head(random: Random, x: Any) -> Any:
    height, width = x.shape[1:3]
    kind = int(random.integers(3))
    if kind == 0:  # LR-ASPP
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(8, 1, activation="sigmoid")(gate)
        return layers.Multiply()([layers.Conv2D(8, 1, activation="relu")(x), gate])
    if kind == 1:  # DeepLab: dilations beside the mean of the image
        mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
        mean = layers.UpSampling2D((height, width))(layers.Conv2D(4, 1)(mean))
        wide = [layers.Conv2D(4, 3, padding="same", dilation_rate=rate)(x) for rate in (1, 2, 4)]
        return layers.Concatenate()([mean, *wide])
    return x


def _enlarged(random: Random, x: Any) -> Any:
    kind, times = int(random.integers(4)), int(random.choice((2, 4)))
    if kind == 0:
        return layers.UpSampling2D(times, interpolation="bilinear")(x)
    if kind == 1:
        return layers.UpSampling2D(times)(x)
    if kind == 2:
        return layers.Conv2DTranspose(x.shape[-1], 3, strides=2, padding="same")(x)
    return x


def failure(seed: int) -> str:
    """What is wrong with the files of one network; empty where nothing is."""
    source = from_keras_model(model_of_map(seed), name=f"map{seed}")
    images = images_for(source, seed=seed, count=CALIBRATION_IMAGES)
    try:
        graph, activations = cut_activations(float_graph(source))
        deploy = proven_fold(source, graph, activations, images)
        decision = decide(
            source.classes,
            activations[0],
            task=Task.SEGMENT,
            shape=source.shapes[0],
            where=source.name,
        )
        made = tune(deploy, [images], [images], decisions=[decision], effort=Effort.DEFAULT)
    except GraphError:
        raise
    except StropError:
        return ""  # by name; test_random_networks counts these
    (pair,) = both_files(made.quantized, source, images)
    if pair.tflite.shape[1:3] != source.shapes[0][:2]:
        found = pair.tflite.shape[1:]
        return f"{seed}: a map of {found} in the file, and of {source.shapes[0]} before"
    return f"{seed}: {pair.fault}" if pair.fault else ""


if __name__ == "__main__":
    print_failures(failure, "random maps of random networks")
