"""The network that is trained: a backbone of the zoo under a new classifier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from strop.export.source.keras_files import open_keras
from strop.export.training.recipe import NO_WEIGHTS, Recipe
from strop.export.zoo.architectures import ARCHITECTURES, Architecture, architecture
from strop.export.zoo.build import IMAGENET, TORCH_SUFFIXES, imagenet, untrained
from strop.export.zoo.torch_weights import MEAN, STD, torch_model
from strop.runtime.errors import SourceError

HEAD = "scores"
CHANNELS = 3
NORMALIZES = (keras.layers.Rescaling, keras.layers.Normalization)


def build_network(recipe: Recipe, *, classes: int, batch_norm_momentum: float) -> Any:
    """A model with its normalization inside: RGB 0..255 in, probabilities out.

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
    member = architecture(recipe.model)
    shape = (recipe.size, recipe.size, CHANNELS)
    backbone = _without_head(_original(recipe, member), where=recipe.weights)
    if tuple(backbone.input_shape[1:]) != shape:
        raise SourceError(
            f"{recipe.weights}: its input is {_sides(backbone.input_shape[1:])}, and the images"
            f" come as {_sides(shape)}; give --size {backbone.input_shape[1]}"
        )
    image = keras.Input(shape, name="image")
    pixels = image
    if not any(isinstance(layer, NORMALIZES) for layer in _every_layer(backbone)):
        pixels = _normalized(image, recipe, member)
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
    """Whether only the classifier of a `build_network` is trained."""
    for layer in model.layers:
        layer.trainable = not is_frozen or layer.name == HEAD


def kernels_without_decay(model: Any) -> list[Any]:
    """What a recipe's weight decay leaves alone: all but kernels, and depthwise kernels."""
    decayed = {
        id(layer.kernel)
        for layer in _every_layer(model)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
    }
    return [weight for weight in model.trainable_weights if id(weight) not in decayed]


def seed_dropout(model: Any, seed: int) -> None:
    """Let every dropout draw as from a seed, whatever it has drawn before."""
    dropouts = [layer for layer in _every_layer(model) if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:  # none where its rate is 0
            generator.state.assign([seed, number])


def _original(recipe: Recipe, member: Architecture) -> Any:
    if recipe.weights == NO_WEIGHTS:
        return untrained(member, alpha=recipe.alpha, size=recipe.size)
    if recipe.weights == IMAGENET:
        return imagenet(member, alpha=recipe.alpha, size=recipe.size)
    path = Path(recipe.weights)
    if not path.is_file():
        raise SourceError(
            f"{path}: no such file; --weights takes none, imagenet, a .keras or .h5 file of a"
            f" model, or torchvision's .pth. The zoo has {', '.join(ARCHITECTURES)}"
        )
    if path.suffix in TORCH_SUFFIXES:
        return torch_model(recipe.model, path, alpha=recipe.alpha, size=recipe.size)
    return open_keras(path)


def _normalized(image: Any, recipe: Recipe, member: Architecture) -> Any:
    """Pixels as the weights know them."""
    if Path(recipe.weights).suffix in TORCH_SUFFIXES:
        scale = [1 / std for std in STD]
        offset = [-mean / std for mean, std in zip(MEAN, STD, strict=True)]
        return keras.layers.Rescaling(scale, offset)(image)
    return keras.layers.Rescaling(1 / member.std, offset=-member.mean / member.std)(image)


def _without_head(model: Any, *, where: str) -> Any:
    """Up to what the last layer with weights reads, dropout left out."""
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
