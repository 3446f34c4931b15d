"""Builds the network that is trained: a backbone of the zoo with a new classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from strop.export.training.recipe import Recipe
from strop.export.zoo.build import open_model
from strop.runtime.errors import SourceError

HEAD = "scores"
CHANNELS = 3
NORMALIZES = (keras.layers.Rescaling, keras.layers.Normalization)


def build_network(recipe: Recipe, *, classes: int, batch_norm_momentum: float) -> Any:
    """Build a model with its normalization inside: RGB 0..255 in, probabilities out.

    Args:
        recipe: What to build.
        classes: Length of a row of scores.
        batch_norm_momentum: Of every batch norm in it.

    Returns:
        A keras.Model, not compiled; its second last layers are the backbone's, see
        `set_frozen`.

    Raises:
        SourceError: No such member, or weights that cannot be had or do not fit.
    """
    shape = (recipe.size, recipe.size, CHANNELS)
    original = open_model(recipe.original())
    backbone = _without_head(original.model, where=recipe.weights)
    if tuple(backbone.input_shape[1:]) != shape:
        raise SourceError(
            f"{recipe.weights}: its input is {_sides(backbone.input_shape[1:])}, and the images"
            f" come as {_sides(shape)}; give --size {backbone.input_shape[1]}"
        )
    image = keras.Input(shape, name="image")
    pixels = image
    if not any(isinstance(layer, NORMALIZES) for layer in _every_layer(backbone)):
        scale = [1 / std for std in original.std]
        offset = [-mean / std for mean, std in zip(original.mean, original.std, strict=True)]
        pixels = keras.layers.Rescaling(scale, offset)(image)
    features = backbone(pixels)
    if len(features.shape) > 2:
        features = keras.layers.Flatten()(features)
    if recipe.dropout:
        features = keras.layers.Dropout(recipe.dropout)(features)
    scores = keras.layers.Dense(classes, activation="softmax", name=HEAD)(features)
    model = keras.Model(image, scores, name=recipe.model)
    for layer in _every_layer(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return model


def set_frozen(model: Any, *, is_frozen: bool) -> None:
    """Choose whether only the classifier of a `build_network` is trained."""
    for layer in model.layers:
        layer.trainable = not is_frozen or layer.name == HEAD


def kernels_without_decay(model: Any) -> list[Any]:
    """List the weights without weight decay: all but kernels, and depthwise kernels."""
    decayed = {
        id(layer.kernel)
        for layer in _every_layer(model)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
    }
    return [weight for weight in model.trainable_weights if id(weight) not in decayed]


def seed_dropout(model: Any, seed: int) -> None:
    """Set the random state of every dropout layer, whatever it has drawn before."""
    dropouts = [layer for layer in _every_layer(model) if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:  # none where its rate is 0
            generator.state.assign([seed, number])


def _without_head(model: Any, *, where: str) -> Any:
    """Cut the model in front of its last layer with weights, and of the dropout there."""
    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not isinstance(last, keras.layers.Dense | keras.layers.Conv2D):
        found = "no layer with weights" if last is None else type(last).__name__
        raise SourceError(
            f"{where}: ends in {found}; needed is a classifier that ends in a dense layer or a"
            " convolution, which is replaced"
        )
    features = last.input
    maker = next((layer for layer in model.layers if layer.output is features), None)
    if isinstance(maker, keras.layers.Dropout):
        features = maker.input
    return keras.Model(model.inputs, features, name="backbone")


def _every_layer(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _every_layer(layer)


def _sides(shape: Any) -> str:
    return "x".join(map(str, shape))
