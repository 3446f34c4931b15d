"""Builds the network that is trained: a backbone of the zoo with a new classifier or embedding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from strop.export.source.headless import headless
from strop.export.training.recipe import Recipe
from strop.export.zoo.build import open_model
from strop.runtime.errors import SourceError

HEAD, VECTOR, UNIT = "scores", "vector", "unit_vector"
CHANNELS = 3
NORMALIZES = (keras.layers.Rescaling, keras.layers.Normalization)


def build_network(recipe: Recipe, *, classes: int, batch_norm_momentum: float) -> Any:
    """Build a model with its normalization inside: RGB 0..255 in, probabilities or cosines out.

    Args:
        recipe: What to build.
        classes: Length of a row of scores.
        batch_norm_momentum: Of every batch norm in it.

    Returns:
        A keras.Model, not compiled; the layers in front of its head are the backbone's, see
        `set_frozen`. Of an embedding it gives the cosines between an image's vector and each class.

    Raises:
        SourceError: No such member, or weights that cannot be had or do not fit.
    """
    shape = (recipe.size, recipe.size, CHANNELS)
    original = open_model(recipe.original(), is_to_train=True)
    backbone = headless(original.model, where=recipe.weights, name="backbone")
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
    if recipe.dropout:
        features = keras.layers.Dropout(recipe.dropout)(features)
    model = keras.Model(image, _head(recipe, features, classes), name=recipe.model)
    for layer in _every_layer(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return model


def _head(recipe: Recipe, features: Any, classes: int) -> Any:
    if recipe.embedding is None:
        return keras.layers.Dense(classes, activation="softmax", name=HEAD)(features)
    vector = keras.layers.Dense(recipe.embedding, name=VECTOR)(features)
    unit = keras.layers.UnitNormalization(name=UNIT)(vector)
    # Of unit length from its first step on: a column is the direction of a class.
    of_class = keras.layers.Dense(
        classes, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), name=HEAD
    )
    cosines = of_class(unit)
    of_class.kernel.assign(keras.ops.normalize(of_class.kernel, axis=0))
    return cosines


def for_inference(model: Any, recipe: Recipe) -> Any:
    """Return what is written of a trained network: the classifier, or what gives unit vectors."""
    outputs = model.outputs if recipe.embedding is None else model.get_layer(UNIT).output
    return keras.Model(model.inputs, outputs, name=model.name)


def set_frozen(model: Any, *, is_frozen: bool) -> None:
    """Choose whether only the head of a `build_network` is trained."""
    for layer in model.layers:
        layer.trainable = not is_frozen or layer.name in (HEAD, VECTOR)


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


def _every_layer(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _every_layer(layer)


def _sides(shape: Any) -> str:
    return "x".join(map(str, shape))
