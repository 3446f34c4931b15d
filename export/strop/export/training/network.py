"""Builds the network that is trained: a backbone of the zoo with new heads or an embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from strop.export.source.headless import headless
from strop.export.source.keras_layers import every_layer
from strop.export.training.heads import SCORES, VECTOR_OUTPUT
from strop.export.training.recipe import Recipe
from strop.export.training.targets import Targets
from strop.export.zoo.backbone_weights import take_backbone
from strop.export.zoo.build import keras_model, open_model
from strop.export.zoo.fresh_names import with_fresh_names
from strop.export.zoo.spec import RANDOM
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError

BACKBONE, VECTOR = "backbone", "vector"
CHANNELS = 3
ACTIVATIONS = {
    Task.CLASSIFY: "softmax",
    Task.MULTILABEL: "sigmoid",
    Task.REGRESS: "linear",
    Task.LANDMARKS: "linear",
}
NORMALIZES = (keras.layers.Rescaling, keras.layers.Normalization)


def build_network(recipe: Recipe, *, widths: Sequence[int], batch_norm_momentum: float) -> Any:
    """Build a model with its normalization inside: RGB 0..255 in, an output for each head.

    Args:
        recipe: What to build.
        widths: Of each head, how many classes, labels or numbers it has; of an embedding, how many
            classes there are.
        batch_norm_momentum: Of every batch norm in it.

    Returns:
        A keras.Model, not compiled, with the heads' names and order. Classes and labels have
        probabilities; numbers are standardized, see `give_units`. Of an embedding it gives the
        cosines between an image's vector and each class. A network of its own for maps or boxes
        gives what the zoo says.

    Raises:
        SourceError: No such member, or weights that cannot be had or do not fit.
    """
    if recipe.heads[0].is_whole_network:
        return _with_momentum(_whole_network(recipe, *widths), batch_norm_momentum)
    shape = (recipe.size, recipe.size, CHANNELS)
    original = open_model(recipe.original(), is_to_train=True)
    backbone = headless(original.model, where=recipe.weights, name=BACKBONE)
    if tuple(backbone.input_shape[1:]) != shape:
        raise SourceError(
            f"{recipe.weights}: its input is {_sides(backbone.input_shape[1:])}, and the images"
            f" come as {_sides(shape)}; give --size {backbone.input_shape[1]}"
        )
    image = keras.Input(shape, name="image")
    pixels = image
    if not any(isinstance(layer, NORMALIZES) for layer in every_layer(backbone)):
        scale = [1 / std for std in original.std]
        offset = [-mean / std for mean, std in zip(original.mean, original.std, strict=True)]
        pixels = keras.layers.Rescaling(scale, offset)(image)
    features = backbone(pixels)
    if recipe.dropout:
        features = keras.layers.Dropout(recipe.dropout)(features)
    if recipe.embedding is None:
        outputs = [
            keras.layers.Dense(width, activation=ACTIVATIONS[head.task], name=head.name)(features)
            for head, width in zip(recipe.heads, widths, strict=True)
        ]
    else:
        outputs = [_cosines(features, recipe.embedding, *widths)]
    model = keras.Model(image, _of_one(outputs), name=recipe.model)
    return _with_momentum(model, batch_norm_momentum)


def _whole_network(recipe: Recipe, classes: int) -> Any:
    given = recipe.original()
    spec = replace(given, classes=classes, weights=RANDOM)
    model = with_fresh_names(lambda: keras_model(spec))
    if given.weights_file is not None:
        take_backbone(model, given.weights_file)
    return model


def _with_momentum(model: Any, momentum: float) -> Any:
    for layer in every_layer(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    return model


def _cosines(features: Any, numbers: int, classes: int) -> Any:
    vector = keras.layers.Dense(numbers, name=VECTOR)(features)
    unit = keras.layers.UnitNormalization(name=VECTOR_OUTPUT)(vector)
    # Of unit length from its first step on: a column is the direction of a class.
    of_class = keras.layers.Dense(
        classes, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), name=SCORES
    )
    cosines = of_class(unit)
    of_class.kernel.assign(keras.ops.normalize(of_class.kernel, axis=0))
    return cosines


def _of_one(outputs: list[Any]) -> Any:
    """Return the only output by itself; Keras would make a list of what it gives."""
    return outputs[0] if len(outputs) == 1 else outputs


def give_units(model: Any, targets: Targets) -> None:
    """Change the weights of a head that gives standardized numbers so that they have their units.

    Args:
        model: Of `build_network`; must not be trained after this.
        targets: Of that head.
    """
    layer = model.get_layer(targets.head)
    spread = targets.spread()
    layer.kernel.assign(np.asarray(layer.kernel, np.float64) * spread)
    layer.bias.assign(np.asarray(layer.bias, np.float64) * spread + targets.mean())


def for_inference(model: Any, recipe: Recipe) -> Any:
    """Return what is written of a trained network: the heads, or what gives unit vectors."""
    outputs = _of_one(model.outputs)
    if recipe.embedding is not None:
        outputs = model.get_layer(VECTOR_OUTPUT).output
    return keras.Model(model.inputs, outputs, name=model.name)


def set_frozen(model: Any, *, is_frozen: bool) -> None:
    """Choose whether only the heads of a `build_network` are trained."""
    for layer in model.layers:
        if layer.name == BACKBONE:
            layer.trainable = not is_frozen


def kernels_without_decay(model: Any) -> list[Any]:
    """List the weights without weight decay: all but kernels, and depthwise kernels."""
    decayed = {
        id(layer.kernel)
        for layer in every_layer(model)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
    }
    return [weight for weight in model.trainable_weights if id(weight) not in decayed]


def seed_dropout(model: Any, seed: int) -> None:
    """Set the random state of every dropout layer, whatever it has drawn before."""
    dropouts = [layer for layer in every_layer(model) if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:  # none where its rate is 0
            generator.state.assign([seed, number])


def _sides(shape: Any) -> str:
    return "x".join(map(str, shape))
