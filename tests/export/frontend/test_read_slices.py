"""What the converter flattens because there is one image is read for several."""

from __future__ import annotations

import keras
import numpy as np
from tests.export.model_fixtures import images

from strop.export.frontend.convert import float_graph
from strop.export.ir.execute import execute
from strop.export.ir.graph import Kind
from strop.export.source.source import from_keras_model


def test_images_of_one_pixel_are_added_as_images() -> None:
    """As MobileNetV2's last blocks at 32 pixels."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 8)(image)
    expanded = keras.layers.ReLU(6)(keras.layers.Conv2D(12, 1)(x))
    x = keras.layers.Add()([x, keras.layers.Conv2D(6, 1)(expanded)])
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(4)(x))
    graph = float_graph(from_keras_model(model, name="one", mean=0.0, std=255.0))
    (added,) = [op for op in graph.ops if op.kind is Kind.ADD]
    assert [graph.tensors[name].shape for name in added.inputs] == [(1, 1, 1, 6)] * 2
    pixels = images(count=3, side=8)
    found = execute(graph, pixels)
    np.testing.assert_allclose(found, np.asarray(model(pixels / 255)), rtol=1e-4, atol=1e-5)
