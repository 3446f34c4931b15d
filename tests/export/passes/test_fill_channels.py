"""Channels up to whole vectors: only where convolutions stand around, and the same scores."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from tests.export.emit.test_emitters import onnx_scores, tflite_scores
from tests.export.graphs import Steps, steps

from strop.export.ir.graph import Graph
from strop.export.passes.fill_channels import VECTOR, fill_channels

layers = keras.layers
WIDE, FILLED = 20, 32


def squeezed(*, joined: bool) -> Steps:
    """An inverted residual with squeeze-and-excite; `joined` concatenates its widest result."""
    keras.utils.set_random_seed(4)
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, activation="relu")(image)
    y = layers.Conv2D(WIDE, 1, activation="hard_silu")(x)
    y = layers.DepthwiseConv2D(3, padding="same")(y)
    # A product with a constant for each channel, and one with a computed gate.
    y = layers.ReLU()(y * np.linspace(0.5, 2, WIDE, dtype=np.float32))
    gate = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    y = y * layers.Conv2D(WIDE, 1, activation="sigmoid")(gate)
    if joined:
        y = layers.Concatenate()([x, y])
    x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
    return steps(keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x))))


@pytest.fixture(scope="module")
def made() -> Steps:
    return squeezed(joined=False)


def widths(graph: Graph) -> set[int]:
    return {graph.tensors[op.output].shape[-1] for op in graph.ops}


def test_every_tensor_between_the_convolutions_is_filled(made: Steps) -> None:
    graph = made.quantized.graph
    assert widths(graph) == {8, WIDE, 4, 5}
    filled = fill_channels(graph)
    assert widths(filled) == {8, FILLED, 4, 5}
    assert [op.kind for op in filled.ops] == [op.kind for op in graph.ops]


def test_the_filled_file_has_the_scores_of_the_other(made: Steps) -> None:
    found, step = tflite_scores(made)
    np.testing.assert_array_equal(np.rint(onnx_scores(made) / step), np.rint(found / step))


def test_what_others_read_as_well_stays() -> None:
    graph = squeezed(joined=True).quantized.graph
    assert fill_channels(graph) is graph


def test_few_channels_are_filled_too() -> None:
    keras.utils.set_random_seed(4)
    image = keras.Input((12, 12, 3))
    x = layers.DepthwiseConv2D(3)(layers.Conv2D(5, 3, strides=2, activation="relu")(image))
    made = steps(keras.Model(image, layers.Dense(3)(layers.Flatten()(layers.Conv2D(2, 1)(x)))))
    filled = fill_channels(made.quantized.graph)
    assert VECTOR in widths(filled)
    assert 5 not in widths(filled)
    found, step = tflite_scores(made)
    np.testing.assert_array_equal(np.rint(onnx_scores(made) / step), np.rint(found / step))
