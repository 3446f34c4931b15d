"""Takes the classifier off a Keras model: what is left gives features."""

from __future__ import annotations

from typing import Any

from strop.runtime.errors import SourceError

MAPS = 4  # axes of a batch of feature maps
MEAN = "features"  # a layer's name


def headless(model: Any, *, where: str, name: str | None = None) -> Any:
    """Return a model of the same layers that ends in what the last one with weights takes.

    Args:
        model: A functional or sequential keras.Model of one input.
        where: Named in errors.
        name: Of the result.

    Returns:
        A keras.Model, image to float32 [N, features]; feature maps are averaged, and a dropout in
        front of the classifier is left out too.

    Raises:
        SourceError: It ends in no dense layer or convolution.
    """
    import keras  # takes seconds

    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if not isinstance(last, keras.layers.Dense | keras.layers.Conv2D):
        found = "no layer with weights" if last is None else type(last).__name__
        raise SourceError(
            f"{where}: ends in {found}; needed is a classifier that ends in a dense layer or a"
            " convolution, which is taken off"
        )
    features = last.input
    maker = next((layer for layer in model.layers if layer.output is features), None)
    if isinstance(maker, keras.layers.Dropout):
        features = maker.input
    if len(features.shape) == MAPS:
        features = keras.layers.GlobalAveragePooling2D(name=MEAN)(features)
    return keras.Model(model.inputs, features, name=name)
