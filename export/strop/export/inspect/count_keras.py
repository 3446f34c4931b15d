"""Count a Keras model's layers."""

from __future__ import annotations

import math
from typing import Any

import keras

from strop.export.inspect.count import Count, LayerCount, Role, role_of
from strop.export.source.keras_layers import every_layer

STATISTICS = ("moving_mean", "moving_variance")


def count_keras(model: Any) -> Count:
    """Count a built model for one image, of the size that it was built for.

    Args:
        model: A keras.Model whose layers are called once each, as in the zoo.
    """
    layers = [
        _layer(layer)
        for layer in every_layer(model)
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    return Count(layers=tuple(layers))


def _layer(layer: Any) -> LayerCount:
    shape = tuple(int(side) for side in layer.output.shape[1:])
    weights, role, kernel = _product(layer, shape)
    return LayerCount(
        name=layer.name,
        kind=type(layer).__name__,
        role=role,
        kernel=kernel,
        shape=shape,
        weights=weights,
        parameters=sum(
            math.prod(each.shape)
            for each in layer.weights
            if each.trainable and each.name not in STATISTICS
        ),
        # Every weight is used once for each place of the result.
        multiply_adds=weights * math.prod(shape[:-1]) + _of_results(layer, shape),
    )


def _of_results(layer: Any, shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of a product of two results, as attention has them."""
    if not isinstance(layer, keras.layers.Dot):
        return 0
    axis = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    return math.prod(shape) * int(layer.input[0].shape[axis])


def _product(layer: Any, shape: tuple[int, ...]) -> tuple[int, Role, tuple[int, int]]:
    """Return weights, role and kernel of what a layer multiplies."""
    if isinstance(layer, keras.layers.Dot):
        return 0, Role.DENSE, (1, 1)
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape), Role.DENSE, (1, 1)
    # DepthwiseConv2D is no Conv2D in Keras 3.
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        kernel = (int(layer.kernel_size[0]), int(layer.kernel_size[1]))
        channels = int(layer.input.shape[-1])
        groups = channels if isinstance(layer, keras.layers.DepthwiseConv2D) else layer.groups
        role = role_of(kernel=kernel, shape=shape, groups=groups, channels=channels)
        return math.prod(layer.kernel.shape), role, kernel
    return 0, Role.OTHER, (1, 1)
