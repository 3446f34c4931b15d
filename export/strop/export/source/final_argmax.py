"""Takes the argmax over classes off the end of a Keras model that gives a map."""

from __future__ import annotations

from typing import Any

import keras

MAP_RANK = 4  # batch, height, width, classes


def without_argmax(model: Any) -> Any:
    """Return a model of the scores that a last argmax chooses from; others as they are.

    The class of a pixel follows from its scores, whose int8 codes are in their order.
    """
    outputs: list[Any] = list(getattr(model, "outputs", None) or ())
    if len(outputs) != 1:
        return model
    operation: Any = getattr(getattr(outputs[0], "_keras_history", None), "operation", None)
    if type(operation).__name__ != "Argmax":
        return model
    scores = operation.input
    if len(scores.shape) != MAP_RANK or operation.axis not in (-1, MAP_RANK - 1):
        return model
    return keras.Model(model.inputs, scores)
