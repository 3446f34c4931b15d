"""Models that the converter writes in forms of its own: each is exported as the model it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import Steps, signal_to_noise_db, steps

from strop.export.frontend.equivalence import proven_fold
from strop.export.ir.graph import ELEMENTWISE, Kind
from strop.export.source.source import from_keras_model

layers, ops = keras.layers, keras.ops
SIDE, FILTERS = 12, 6
Body = Callable[[Any], Any]


def net(body: Body, *, channels: int = 3, dtype: str = "float32") -> keras.Model:
    """The body between a convolution and a classifier."""
    keras.utils.set_random_seed(4)
    image = keras.Input((SIDE, SIDE, channels), dtype=dtype)
    x = layers.Conv2D(FILTERS, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = body(x)
    x = layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else layers.Flatten()(x)
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))


def front(change: Body) -> keras.Model:
    """Something in front of the first convolution."""
    keras.utils.set_random_seed(4)
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(FILTERS, 3, padding="same", activation="relu")(change(image))
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def gate_of_dense(x: Any, *, is_map: bool) -> Any:
    gate = layers.GlobalAveragePooling2D()(x)
    gate = layers.Reshape((1, 1, FILTERS))(gate) if is_map else gate
    gate = layers.Dense(FILTERS, activation="sigmoid")(layers.Dense(3, activation="relu")(gate))
    return x * (gate if is_map else layers.Reshape((1, 1, FILTERS))(gate))


def gate_by_broadcast(x: Any) -> Any:
    gate = layers.Dense(FILTERS, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    return x * ops.expand_dims(ops.expand_dims(gate, 1), 1)


def gate_of_rows(x: Any) -> Any:
    """Broadcast along columns and channels."""
    return x * ops.sigmoid(ops.mean(x, axis=(2, 3), keepdims=True) * 9.0 - 1.0)


def tokens(x: Any) -> Any:
    """Rank 3, as a transformer has it: dense layers and a mean over channels."""
    x = layers.Dense(8, activation="relu")(layers.Reshape((-1, FILTERS))(x))
    return layers.GlobalAveragePooling1D()(x) - ops.mean(x, axis=2)[:, :8]


def sums_of_ranks(x: Any) -> Any:
    """A vector, a map and a row of constants."""
    vector = layers.Dense(FILTERS)(layers.Flatten()(x))
    row = np.linspace(-1, 1, x.shape[2] * FILTERS, dtype=np.float32).reshape(x.shape[2], FILTERS)
    return 1.0 - layers.ReLU()(ops.expand_dims(ops.expand_dims(vector, 1), 1) + x - row)


def reshaped(x: Any) -> Any:
    return layers.Conv2D(4, 3, activation="relu")(layers.Reshape((5, 20, FILTERS))(x))


BODIES: dict[str, Body] = {
    "squeeze of vectors": lambda x: gate_of_dense(x, is_map=False),
    "squeeze of maps": lambda x: gate_of_dense(x, is_map=True),
    "gate by broadcast": gate_by_broadcast,
    "gate of rows": gate_of_rows,
    "dense on a map": lambda x: layers.Flatten()(layers.Dense(4, activation="relu")(x)),
    "tokens": lambda x: layers.Dense(8, activation="relu")(layers.Reshape((-1, FILTERS))(x)),
    "mean of tokens": lambda x: ops.mean(layers.Reshape((-1, FILTERS))(x), axis=1),
    "mean of columns": lambda x: ops.mean(x, axis=2),
    "sum of all": lambda x: ops.sum(x, axis=(1, 3)),
    "sums of ranks": sums_of_ranks,
    "reshaped": reshaped,
    "joined in five dimensions": lambda x: layers.Reshape((10, 20, FILTERS))(
        ops.concatenate([layers.Reshape((10, 10, 1, FILTERS))(x)] * 2, axis=3)
    ),
    "channels in any order": lambda x: layers.Conv2D(4, 1)(ops.take(x, [5, 0, 3, 3, 1], axis=-1)),
}
FRONTS: dict[str, Body] = {
    "flipped": lambda x: ops.flip(x, axis=-1) / 127.5 - 1.0,
    "caffe": keras.applications.vgg16.preprocess_input,
    "torch": lambda x: keras.applications.imagenet_utils.preprocess_input(x, mode="torch"),
    "one by one": lambda x: ops.stack([x[..., i] for i in (1, 0, 2)], axis=-1) / 255.0,
}


def check(made: Steps) -> None:
    """The graph is the model, both files give one set of codes, and these are the scores."""
    proven_fold(made.source, made.graph, [made.activation], made.images)
    scores, step = tflite_scores(made)
    codes = np.abs(np.rint((onnx_scores(made) - scores) / step))
    assert codes.max() <= (1 if made.quantized.near_ties else 0)
    # As in test_emitters.py: 50 dB at best, and a few noisy layers keep half of it.
    assert signal_to_noise_db(float_scores(made), scores) > 18


@pytest.mark.parametrize("name", BODIES)
def test_every_body_is_exported_as_it_is(name: str) -> None:
    made = steps(net(BODIES[name]))
    check(made)
    graph = made.deploy.graph
    assert all(graph.tensors[activation].shape[0] == 1 for activation in graph.activations())
    for op in graph.ops:
        if op.kind in ELEMENTWISE:
            computed = [one for one in op.inputs if not graph.is_constant(one)]
            ranks = {len(graph.tensors[one].shape) for one in (*computed, op.output)}
            assert len(ranks) == 1


@pytest.mark.parametrize("name", FRONTS)
def test_what_is_done_to_the_channels_first_is_in_the_first_convolution(name: str) -> None:
    made = steps(front(FRONTS[name]))
    check(made)
    assert [op.kind for op in made.deploy.graph.ops] == [
        Kind.CONV,
        Kind.MEAN,
        Kind.CONV,
        Kind.RESHAPE,
    ]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "bfloat16"])
def test_the_cast_of_the_image_is_no_operation(dtype: str) -> None:
    made = steps(net(lambda x: x, channels=1, dtype=dtype))
    check(made)
    assert made.deploy.graph.ops[0].kind is Kind.CONV


def test_a_cast_that_rounds_stays_in_float() -> None:
    made = steps(net(lambda x: ops.cast(ops.cast(x * 10.0, "int32"), "float32")))
    (op,) = [op for op in made.deploy.graph.ops if op.kind is Kind.FLOAT]
    assert op.floats().causes[0].found.startswith("a CAST from float32 to int32 of other than")
    check(made)


def test_a_gate_of_dense_layers_costs_no_reshape() -> None:
    graph = steps(net(BODIES["squeeze of vectors"])).deploy.graph
    assert [op.kind for op in graph.ops].count(Kind.RESHAPE) == 1
    assert from_keras_model(net(BODIES["squeeze of vectors"]), name="gate").classes == 5
