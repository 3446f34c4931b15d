"""Small Keras models, and what the export steps make of them, for the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from strop.export.frontend.convert import float_graph
from strop.export.frontend.equivalence import input_values
from strop.export.ir.graph import Array, Graph
from strop.export.passes.cut_activation import cut_activation
from strop.export.passes.fold import DeployGraph, fold
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.source.source import Source, from_keras_model
from strop.runtime.artifact.contract import Activation
from strop.runtime.classify.decision import decide

SIZE = 24
CLASSES = 7
BLOCK_SEED = 3
BY_SOFTMAX = decide(CLASSES, Activation.SOFTMAX, where="a test")


@dataclass(frozen=True)
class Steps:
    """A model on its way through the export."""

    source: Source
    graph: Graph
    activation: Activation
    deploy: DeployGraph
    quantized: QuantizedGraph
    images: Array


def steps(
    model: keras.Model,
    *,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    seed: int = 0,
    is_symmetric: bool = False,
) -> Steps:
    source = from_keras_model(model, name="small", mean=mean, std=std)
    return steps_of(source, seed=seed, is_symmetric=is_symmetric)


def mobile_steps() -> Steps:
    """`steps(mobile_block())`, made once: two dozen tests look at it, and none changes it."""
    keras.utils.set_random_seed(BLOCK_SEED)  # as making it does, for what a test makes afterwards
    return _mobile_steps()


@lru_cache(maxsize=1)
def _mobile_steps() -> Steps:
    made = steps(mobile_block())
    made.images.setflags(write=False)
    return made


def steps_of(
    source: Source, *, images: Array | None = None, seed: int = 0, is_symmetric: bool = False
) -> Steps:
    graph, activation = cut_activation(float_graph(source))
    deploy = replace(fold(graph, input_values(source)), is_symmetric=is_symmetric)
    images = images_for(source, seed=seed) if images is None else images
    quantized = quantize(deploy, calibrate(deploy, [images]))
    return Steps(
        source=source,
        graph=graph,
        activation=activation,
        deploy=deploy,
        quantized=quantized,
        images=images,
    )


def images_for(source: Source, *, seed: int = 0, count: int = 32) -> Array:
    """Smooth random images: like photographs, neighbouring pixels are alike."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, source.channels)).astype(np.float32)
    smooth = tf.image.resize(coarse, (source.height, source.width)).numpy()
    noisy = smooth + random.normal(0, 8, smooth.shape)
    clipped: Array = noisy.clip(0, 255).astype(np.uint8)
    return clipped


def with_live_statistics(model: keras.Model, *, seed: int = 0) -> keras.Model:
    """Random batch-norm statistics and biases, so that folding has something to fold."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, width),
                    random.normal(0, 0.3, width),
                    random.normal(0, 0.3, width),
                    random.uniform(0.5, 2.0, width),
                ]
            )
    return model


def mobile_block(
    *,
    activation: Callable[[Any], Any] | str = "relu6",
    channels: int = 3,
    normalize: bool = True,
    pad: bool = True,
) -> keras.Model:
    """Stem, an inverted residual with a stride and one with a sum, pooling, dense, softmax."""
    layers = keras.layers
    keras.utils.set_random_seed(BLOCK_SEED)
    image = keras.Input((SIZE, SIZE, channels))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image) if normalize else image
    x = _unit(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x), activation)
    x = _unit(layers.Conv2D(16, 1, use_bias=False)(x), activation)
    if pad:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    padding = "valid" if pad else "same"
    x = layers.DepthwiseConv2D(3, strides=2, padding=padding, use_bias=False)(x)
    x = _unit(x, activation)
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(x))
    y = _unit(layers.Conv2D(24, 1, use_bias=False)(x), activation)
    y = _unit(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y), activation)
    y = layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(y))
    x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    scores = layers.Dense(CLASSES, activation="softmax")(x)
    return with_live_statistics(keras.Model(image, scores))


def _unit(x: Any, activation: Callable[[Any], Any] | str) -> Any:
    return keras.layers.Activation(activation)(keras.layers.BatchNormalization()(x))


def signal_to_noise_db(reference: Array, found: Array) -> float:
    noise = np.mean((reference - found) ** 2)
    return float(10 * np.log10(np.var(reference) / noise))
