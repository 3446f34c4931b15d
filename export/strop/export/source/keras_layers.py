"""Lists the layers of a Keras model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras


def every_layer(model: Any) -> Iterator[Any]:
    """Yield the layers of a keras.Model, and in place of a model among them its layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from every_layer(layer)
        else:
            yield layer
