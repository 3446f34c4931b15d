"""Factors of channels beside a convolution, which then has them in its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from strop.export.frontend.convert import float_graph
from strop.export.ir.execute import execute
from strop.export.ir.graph import CONVOLUTIONS
from strop.export.passes.fold import fold_layers
from strop.export.source.source import from_keras_model

layers = keras.layers


def factors(name: str) -> Any:
    draw = keras.initializers.RandomUniform(-2, 2, seed=1)
    return layers.DepthwiseConv2D(1, depthwise_initializer=draw, name=name)


def behind_a_convolution(x: Any) -> Any:
    return layers.ReLU()(factors("scale")(layers.Conv2D(6, 3)(x)))


def behind_groups_and_again(x: Any) -> Any:
    return factors("again")(factors("scale")(layers.Conv2D(6, 1, groups=3)(x)))


def behind_a_depthwise_one(x: Any) -> Any:
    return factors("scale")(layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(x))


def behind_an_activation(x: Any) -> Any:
    return factors("scale")(layers.ReLU()(layers.Conv2D(6, 1)(x)))


def of_what_others_read(x: Any) -> Any:
    x = layers.Conv2D(6, 1)(x)
    return layers.Add()([x, factors("scale")(x)])


def of_every_second_pixel(x: Any) -> Any:
    return layers.DepthwiseConv2D(1, strides=2)(layers.Conv2D(6, 1)(x))


def in_front_of_convolutions(x: Any) -> Any:
    x = layers.DepthwiseConv2D(1, use_bias=False)(layers.ReLU()(layers.Conv2D(6, 1)(x)))
    padded = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    return layers.Concatenate()([padded, layers.Conv2D(4, 1, groups=2)(x)])


@pytest.mark.parametrize(
    ("build", "convolutions"),
    [
        (behind_a_convolution, 1),
        (behind_groups_and_again, 1),
        (behind_a_depthwise_one, 1),
        (in_front_of_convolutions, 3),
        (behind_an_activation, 2),
        (of_what_others_read, 2),
        (of_every_second_pixel, 2),
    ],
)
def test_factors_go_into_the_convolutions_around_them(
    build: Callable[[Any], Any], convolutions: int
) -> None:
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 3))
    x = layers.Flatten()(build(image))
    graph = float_graph(from_keras_model(keras.Model(image, x), name="small"))
    folded = fold_layers(graph)
    assert sum(op.kind in CONVOLUTIONS for op in folded.ops) == convolutions
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    expected = execute(graph, pixels)
    found = execute(folded, pixels)
    # A sum of up to 27 products, whose factors are rounded once more.
    epsilon = np.finfo(np.float32).eps
    np.testing.assert_allclose(found, expected, atol=30 * epsilon * np.abs(expected).max())
