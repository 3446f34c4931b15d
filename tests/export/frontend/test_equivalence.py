"""A graph that is not the model is refused, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.graphs import Steps, mobile_block, steps

from strop.export.frontend.equivalence import (
    PROBE_IMAGES,
    Probe,
    check_converter,
    check_equalized,
    check_graph,
    check_normalization,
    probe,
    proven_fold,
)
from strop.export.frontend.score_difference import MOST_OF_SIZE, MOST_OF_SPREAD
from strop.export.ir.execute import execute
from strop.export.ir.faults import named_faults
from strop.export.ir.graph import Fused, Graph, Kind, float_constant
from strop.export.passes.fold import fold_layers, fold_normalization
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.equalize import equalize
from strop.runtime.errors import GraphError, ImageError, QuantizationError, SourceError


@pytest.fixture(scope="module")
def made() -> Steps:
    return steps(mobile_block(normalize=False), mean=(110.0, 120.0, 131.0), std=(58.0, 57.0, 56.0))


@pytest.fixture(scope="module")
def sample(made: Steps) -> Probe:
    return probe(made.source, made.images, [made.activation])


def test_the_folded_graph_of_a_mobilenet_is_the_model(made: Steps) -> None:
    deploy = proven_fold(made.source, made.graph, [made.activation], made.images)
    assert [op.output for op in deploy.graph.ops] == [op.output for op in made.deploy.graph.ops]


def without_activation(graph: Graph) -> Graph:
    at = next(i for i, op in enumerate(graph.ops) if op.fused is not Fused.NONE)
    ops = [replace(op, fused=Fused.NONE) if i == at else op for i, op in enumerate(graph.ops)]
    return graph.rewired(ops)


def with_other_padding(graph: Graph) -> Graph:
    return graph.rewired(
        replace(op, pads=((1, 0), (1, 0))) if op.pads == ((0, 1), (0, 1)) else op
        for op in graph.ops
    )


def with_one_other_bias(graph: Graph) -> Graph:
    return with_bias_off_by(0.5, graph)


def with_bias_off_by(error: float, graph: Graph) -> Graph:
    conv = [op for op in graph.ops if op.kind is Kind.CONV][1]
    bias = graph.data(conv.inputs[2]).copy()
    bias[0] += error
    ops = [replace(op, inputs=(*op.inputs[:2], "other")) if op is conv else op for op in graph.ops]
    return graph.rewired(ops, added=[float_constant("other", bias)])


def computed(graph: Graph) -> set[str]:
    return {op.output for op in graph.ops if op.kind is not Kind.ADD}


def without_a_sum(graph: Graph) -> Graph:
    add = next(
        op for op in graph.ops if op.kind is Kind.ADD and not graph.is_constant(op.inputs[1])
    )
    ops = [
        replace(op, inputs=(add.inputs[0], *op.inputs[1:])) if add.output in op.inputs else op
        for op in graph.ops
        if op is not add
    ]
    return graph.rewired(ops)


@pytest.mark.parametrize(
    "mistake", [without_activation, with_other_padding, with_one_other_bias, without_a_sum]
)
def test_a_mistake_in_any_operation_is_found(
    made: Steps, sample: Probe, mistake: Callable[[Graph], Graph]
) -> None:
    layers = fold_layers(made.graph)
    wrong = mistake(layers)
    assert wrong.ops != layers.ops
    with pytest.raises(GraphError, match=r"strop folded this model wrongly: scores differ by .*"):
        check_graph(sample, wrong, step="folded")


def test_a_normalization_with_another_padding_pixel_is_found(made: Steps, sample: Probe) -> None:
    layers = fold_layers(made.graph)
    wrong = replace(fold_normalization(layers), input_offset=made.deploy.input_offset + 3)
    with pytest.raises(GraphError, match="--precision float32 and report it"):
        check_normalization(sample, layers, wrong)


def test_the_error_is_one_line_and_names_the_model(made: Steps, sample: Probe) -> None:
    with pytest.raises(GraphError) as caught:
        check_graph(sample, with_one_other_bias(made.graph), step="read")
    assert str(caught.value).startswith("small: strop read this model wrongly: scores differ by ")
    assert "\n" not in str(caught.value)


def test_an_equalized_graph_is_the_same_and_a_wrong_one_is_found(made: Steps) -> None:
    equalized = equalize(made.deploy, calibrate(made.deploy, [made.images])).deploy
    check_equalized(made.deploy, equalized, [made.images[:4], made.images[4:]])
    wrong = replace(equalized, graph=with_one_other_bias(equalized.graph))
    with pytest.raises(GraphError, match="strop equalized this model wrongly"):
        check_equalized(made.deploy, wrong, [made.images])


def test_an_equalized_graph_is_held_against_the_spread_over_one_batch(made: Steps) -> None:
    shades = np.linspace(0, 1, PROBE_IMAGES).reshape(-1, 1, 1, 1)
    images = (made.images[:PROBE_IMAGES] * shades).astype(np.uint8)
    graph = made.deploy.graph
    scores = execute(graph, made.deploy.reals(images))

    def difference(error: float) -> float:
        other = execute(with_bias_off_by(error, graph), made.deploy.reals(images))
        return float(np.abs(other - scores).max())

    spread = float(np.ptp(scores, axis=0).max())
    error = 0.5 * MOST_OF_SPREAD * spread / difference(1.0)
    # More than any image alone allows.
    assert difference(error) > MOST_OF_SIZE * max(1.0, float(np.abs(scores).max()))
    rounded = replace(made.deploy, graph=with_bias_off_by(error, graph))
    check_equalized(made.deploy, rounded, [images])


def test_a_model_that_magnifies_rounding_is_held_against_what_it_magnifies() -> None:
    """Its scores turn over with the fifth digit of a sum, on every way of computing it."""
    keras.utils.set_random_seed(4)
    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(16, 3)(image))
    x = keras.layers.Dense(16)(x)
    made = steps(keras.Model(image, keras.layers.Dense(5)(keras.ops.sin(1e4 * x))))
    sample = probe(made.source, made.images, [made.activation])
    found = execute(made.graph, sample.images.astype(np.float32))
    spread = float(np.ptp(sample.scores, axis=0).max())
    limit = MOST_OF_SPREAD * spread + MOST_OF_SIZE * max(float(np.abs(sample.scores).max()), 1.0)
    assert np.abs(found - sample.scores).max() > limit
    check_graph(sample, made.graph, step="read")
    last = made.graph.producer(made.graph.output)
    assert last is not None
    other = float_constant("other", made.graph.data(last.inputs[2]) + spread)
    ops = [
        replace(op, inputs=(*op.inputs[:2], "other")) if op is last else op for op in made.graph.ops
    ]
    with pytest.raises(GraphError, match="strop read this model wrongly"):
        check_graph(sample, made.graph.rewired(ops, added=[other]), step="read")


def sure_model(activation: str) -> keras.Model:
    """Its probabilities are 0 and 1 to all digits of float32."""
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.RandomNormal(0, 5))(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation=activation)(x))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_saturated_probabilities_are_no_difference(activation: str) -> None:
    made = steps(sure_model(activation))
    proven_fold(made.source, made.graph, [made.activation], made.images)
    scores = made.source.forward(tf.constant(made.images.astype(np.float32))).numpy()
    assert {0.0, 1.0} & set(scores.reshape(-1).tolist())


def test_padding_that_no_pixel_stands_for_is_not_folded() -> None:
    model = mobile_block(normalize=False)
    # Padding is 0, which is the pixel -100: none can stand for it.
    made = steps(model, mean=(-100.0,), std=(255.0,))
    assert made.deploy.input_offset == 0
    assert made.deploy.graph.ops[0].kind is not Kind.CONV
    proven_fold(made.source, made.graph, [made.activation], made.images)


def test_what_tensorflow_raises_names_the_model_and_the_step() -> None:
    with (
        pytest.raises(GraphError, match=r"net: strop cannot fold this model \(InvalidArg.*report"),
        named_faults("net", "fold"),
    ):
        tf.reshape(tf.zeros(3), (2, 2))


def test_errors_with_a_name_and_interrupts_pass() -> None:
    for error in (ImageError("x"), QuantizationError("y"), KeyboardInterrupt()):
        with pytest.raises(type(error)), named_faults("net", "fold"):
            raise error


def test_a_lack_of_memory_is_no_fault_of_strop() -> None:
    with (
        pytest.raises(QuantizationError, match="not enough memory") as caught,
        named_faults("net", "fold"),
    ):
        raise MemoryError
    assert not isinstance(caught.value, GraphError)


def test_a_mistake_of_the_converter_is_called_that(made: Steps, sample: Probe) -> None:
    other = replace(sample, scores=sample.scores + 1.0)
    with pytest.raises(SourceError, match=r"small: TensorFlow .*'s converter makes another model"):
        check_converter(made.source, other)
    check_converter(made.source, sample)
