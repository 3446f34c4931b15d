from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tests.export.graphs import images_for, steps

from strop.export.emit.tflite import emit_tflite
from strop.export.frontend.convert import float_graph
from strop.export.ir.execute import execute
from strop.export.ir.graph import Kind
from strop.export.passes.hard_swish import expand_hard_swish
from strop.export.source.source import from_keras_model

layers = keras.layers


def hard_swish_net(*, adds: bool = False) -> keras.Model:
    """Convolution, hard-swish, squeeze-and-excite with hard-sigmoid, convolution, dense."""
    keras.utils.set_random_seed(11)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, strides=2)(layers.Rescaling(1 / 127.5, offset=-1.0)(image))
    x = layers.Activation("hard_swish")(x)
    gate: Any = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(8, 1)(layers.Conv2D(4, 1, activation="relu")(gate))
    gate = layers.ReLU(6.0)(gate + 3.0) * (1.0 / 6.0)
    y = layers.Conv2D(8, 1)(layers.Multiply()([x, gate]))
    x = layers.Add()([x, y]) if adds else y
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(("adds", "products_left"), [(False, 2), (True, 3)])
def test_the_function_stays_and_the_sixths_move_into_weights(
    adds: bool, products_left: int
) -> None:
    source = from_keras_model(hard_swish_net(adds=adds), name="small")
    graph = float_graph(source)
    expanded = expand_hard_swish(graph)
    images = images_for(source).astype(np.float32)
    expected, found = execute(graph, images), execute(expanded, images)
    # The sixth is multiplied in at another place: a few roundings.
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    kinds = [op.kind for op in expanded.ops]
    assert Kind.HARD_SWISH not in kinds
    # x * gate twice, in the swish and in the squeeze; one sixth that an addition keeps.
    # The first two operations normalize the image.
    behind = [op for op in expanded.ops if graph.input not in op.inputs]
    assert [op.kind for op in behind].count(Kind.MUL) == products_left


def test_the_int8_file_is_one_delegate_partition() -> None:
    interpreter = Interpreter(model_content=emit_tflite(steps(hard_swish_net()).quantized))
    interpreter.allocate_tensors()
    details = interpreter._get_ops_details()  # the only place where LiteRT tells
    assert [detail["op_name"] for detail in details].count("DELEGATE") == 1
