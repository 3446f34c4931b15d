"""The end of a float graph is known by what it does, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from strop.export.frontend.convert import float_graph
from strop.export.frontend.source_decision import endings
from strop.export.ir.graph import Kind
from strop.export.passes.cut_activation import cut_activation
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.contract import Activation


class TensorFlowsOwn(keras.layers.Layer):  # type: ignore[misc]  # keras has no stubs
    def call(self, x: Any) -> Any:
        return tf.math.l2_normalize(x, axis=-1)


def by_hand(x: Any) -> Any:
    return x / keras.ops.sqrt(keras.ops.sum(x * x, axis=-1, keepdims=True))


def halved(x: Any) -> Any:
    return 0.5 * by_hand(x)


def of_others(x: Any) -> Any:
    return x / keras.ops.sqrt(keras.ops.mean(x * x, axis=-1, keepdims=True))


def gated(x: Any) -> Any:
    return x * keras.ops.sigmoid(x)


ENDS: dict[str, tuple[Callable[[Any], Any], Activation]] = {
    "UnitNormalization": (keras.layers.UnitNormalization(), Activation.L2),
    "ops.normalize": (keras.ops.normalize, Activation.L2),
    "by hand": (by_hand, Activation.L2),
    "l2_normalize": (TensorFlowsOwn(), Activation.L2),
    "softmax": (keras.layers.Softmax(), Activation.SOFTMAX),
    "half of it": (halved, Activation.NONE),
    "by the root of the mean square": (of_others, Activation.NONE),
    "swish": (gated, Activation.NONE),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_is_found_and_cut(name: str) -> None:
    end, expected = ENDS[name]
    image = keras.Input((4, 4, 3))
    vector = keras.layers.Dense(6, name="vector")(keras.layers.Flatten()(image))
    source = from_keras_model(keras.Model(image, end(vector)), name="m")
    graph = float_graph(source)
    cut, found = cut_activation(graph)
    assert found is expected
    assert endings(source) == (expected,)
    if expected is Activation.NONE:
        assert cut is graph
    else:
        assert [op.kind for op in cut.ops if op.kind is not Kind.RESHAPE] == [Kind.DENSE]
        assert np.prod(cut.tensors[cut.output].shape) == 6
