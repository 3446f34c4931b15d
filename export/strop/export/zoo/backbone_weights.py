"""Takes the weights of a trained network's layers for another one with the same layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from strop.export.source.keras_layers import every_layer
from strop.export.source.source import load_model_file
from strop.runtime.errors import SourceError


def take_backbone(model: Any, path: Path) -> None:
    """Give a network the weights of the layers that a file has under the same names.

    Args:
        model: A built keras.Model; layers that the file does not have keep their weights.
        path: A .keras or .h5 file of a whole model, such as a classifier on the same backbone.

    Raises:
        SourceError: It cannot be read, has no such layer, or has them in another width.
    """
    found = {layer.name: layer for layer in every_layer(load_model_file(path).model)}
    pairs = [(found[layer.name], layer) for layer in every_layer(model) if layer.name in found]
    taken = 0
    for there, here in pairs:
        shapes = [[tuple(weight.shape) for weight in each.weights] for each in (there, here)]
        if shapes[0] == shapes[1]:
            here.set_weights(there.get_weights())
            taken += isinstance(here, keras.layers.DepthwiseConv2D)
        elif isinstance(here, keras.layers.DepthwiseConv2D):
            raise SourceError(
                f"{path}: its layer {there.name} has a kernel {shapes[0][0]} where"
                f" {shapes[1][0]} is needed; give a model of the same backbone, with the same"
                " --alpha"
            )
    if not taken:
        raise SourceError(
            f"{path}: has no layer of {model.name}'s backbone; give a model of the same backbone,"
            " or leave out --weights"
        )
