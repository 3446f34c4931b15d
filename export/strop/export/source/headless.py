"""Takes the last layer with weights off a Keras model: what is left gives features."""

from __future__ import annotations

from typing import Any

from strop.runtime.errors import SourceError


def headless(model: Any, *, where: str) -> Any:
    """Return a model of the same layers and weights that ends in what the classifier takes.

    Args:
        model: A functional or sequential keras.Model of one input.
        where: Named in errors.

    Returns:
        A keras.Model, image to float32 [N, features]; feature maps are averaged.

    Raises:
        SourceError: There is no layer with weights, or several paths lead around it.
    """
    import keras  # takes seconds

    weighted = [layer for layer in model.layers if layer.weights]
    if not weighted:
        raise SourceError(f"{where}: has no layer with weights, so no head to leave out")
    last = weighted[-1]
    try:
        features = last.input
        cut = keras.Model(model.inputs, features)
    except (ValueError, AttributeError) as err:
        raise SourceError(
            f"{where}: its last layer, {last.name}, cannot be taken off; give a model that ends in"
            " the features, with --task embed"
        ) from err
    if len(features.shape) == 4:  # a classifier that is a convolution
        cut = keras.Model(cut.inputs, keras.layers.GlobalAveragePooling2D()(features))
    return cut
