from __future__ import annotations

import keras
import numpy as np
import pytest
from tests.export.graphs import SIZE, Steps, images_for, mobile_block, mobile_steps, steps

from strop.export.frontend.convert import float_graph
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array, Kind
from strop.export.passes.cut_activation import cut_activation
from strop.export.passes.fold import fold
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.contract import Activation

EPSILON = float(np.finfo(np.float32).eps)


def deviation(made: Steps) -> tuple[float, float]:
    """Largest difference of the deploy graph's scores from the float graph's, and their size."""
    pixels = made.images.astype(np.float32)
    expected = execute(made.graph, pixels)
    found = execute(made.deploy.graph, made.deploy.reals(made.images))
    return float(np.abs(found - expected).max()), float(np.abs(expected).max())


def test_the_float_graph_computes_what_keras_computes() -> None:
    model = mobile_block()
    source = from_keras_model(model, name="small")
    images = images_for(source).astype(np.float32)
    expected = model(images, training=False).numpy()
    found = execute(float_graph(source), images)
    # Batch norm folded in float32: a few roundings of probabilities up to 1.
    assert np.abs(found - expected).max() < 100 * EPSILON


def test_one_value_for_all_channels_folds_exactly_where_it_is_a_pixel_value() -> None:
    model = mobile_block(normalize=False)
    largest, size = deviation(steps(model, mean=(120.0,), std=(50.0,)))
    # Sums of 27 products in another order.
    assert largest < 1000 * EPSILON * size


def test_the_half_pixel_of_127_5_shows_at_the_border_only() -> None:
    model = mobile_block()
    inner = keras.Model(model.input, model.layers[3].output)
    made = steps(keras.Sequential([inner, keras.layers.GlobalAveragePooling2D()]))
    pixels = made.images.astype(np.float32)
    conv = next(op for op in made.deploy.graph.ops if op.kind is Kind.CONV)
    seen: dict[int, Array] = {}

    def observe(name: str, values: Array) -> Array:
        if name == conv.output:
            seen[len(seen)] = values
        return values

    execute(made.graph, pixels, observe)
    execute(made.deploy.graph, pixels - made.deploy.input_offset, observe)
    difference = np.abs(seen[0] - seen[1])
    # SAME with stride 2 on an even size pads the last row and column only.
    assert difference[:, :-1, :-1].max() < 1e-5
    assert 1e-5 < difference[:, -1].max() < 0.5 / 127.5 * 9 * 3


def test_the_input_offset_is_the_pixel_that_normalizes_to_zero() -> None:
    made = steps(mobile_block(normalize=False), mean=(110.0, 120.0, 131.0), std=(58.0, 57.0, 57.0))
    assert made.deploy.input_offset == 120


def test_padding_normalization_activations_and_dense_layers_leave_no_operation() -> None:
    made = mobile_steps()
    kinds = [op.kind for op in made.deploy.graph.ops]
    assert set(kinds) == {Kind.CONV, Kind.DEPTHWISE, Kind.ADD, Kind.MEAN, Kind.RESHAPE}
    assert kinds.count(Kind.RESHAPE) == 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [("softmax", Activation.SOFTMAX), ("sigmoid", Activation.SIGMOID), (None, Activation.NONE)],
)
def test_the_last_activation_is_cut_and_named(last: str | None, expected: Activation) -> None:
    image = keras.Input((SIZE, SIZE, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, keras.layers.Dense(3, activation=last)(pooled))
    graph, activation = cut_activation(float_graph(from_keras_model(model, name="small")))
    assert activation is expected
    assert graph.ops[-1].kind not in (Kind.SOFTMAX, Kind.LOGISTIC)


def test_a_model_without_convolution_keeps_its_normalization() -> None:
    image = keras.Input((4, 4, 1))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(scaled)))
    deploy = fold(float_graph(from_keras_model(model, name="small")))
    assert deploy.input_offset == 0
    assert Kind.MUL in [op.kind for op in deploy.graph.ops] or len(deploy.graph.ops) > 0


def test_normalization_goes_into_a_convolution_in_groups() -> None:
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, groups=3)(keras.layers.Rescaling(1 / 255, offset=0.1)(image))
    made = steps(keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)))
    assert [op.kind for op in made.deploy.graph.ops] == [Kind.CONV, Kind.MEAN]
    largest, size = deviation(made)
    assert largest < 1000 * EPSILON * size
