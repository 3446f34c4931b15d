"""Float sums and float tails: the same codes in both files up to there, nearer to float behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import keras
import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import BY_SOFTMAX, CLASSES, Steps, signal_to_noise_db, steps

from strop.export.ir.graph import Graph, Kind, Op, QuantParams, Tensor
from strop.export.options.choices import Effort
from strop.export.quantize.bias_correction import correct
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.float_parts import (
    FloatPart,
    in_float,
    with_roundings_spared,
    with_sums_and_tails,
)
from strop.export.quantize.float_sums import chained_sums, with_float_sums
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.quantize.tune import Tuned, tune


def trunk(sums: int = 3, *, seed: int = 5, has_limits: bool = False) -> keras.Model:
    """A stem, residual blocks of one convolution each, and a layer with a ReLU that reads them."""
    layers = keras.layers
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, strides=2)(layers.Rescaling(1 / 127.5, offset=-1.0)(image))
    for _ in range(sums):
        x = layers.Add()([x, layers.Conv2D(8, 3, padding="same")(x)])
        x = layers.ReLU()(x) if has_limits else x
    x = layers.Conv2D(12, 1, activation="relu")(x)
    scores = layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, scores)


@pytest.fixture(scope="module")
def made() -> Steps:
    return steps(trunk())


@pytest.fixture(scope="module")
def tuned(made: Steps) -> Tuned:
    images = [made.images]
    return tune(made.deploy, images, images, decisions=[BY_SOFTMAX], effort=Effort.FAST)


def test_sums_of_a_chain_are_added_in_float_with_the_same_codes_in_both_files(made: Steps) -> None:
    sums = chained_sums(made.quantized.graph)
    assert len(sums) == 3
    added = with_float_sums(made.quantized, sums)
    assert [op.kind for op in added.graph.ops].count(Kind.QUANTIZE) == 3
    assert added.near_ties == ()
    found, step = tflite_scores(replace(made, quantized=added))
    np.testing.assert_array_equal(found, onnx_scores(replace(made, quantized=added)))
    before, _ = tflite_scores(made)
    assert np.abs(found - before).max() >= step  # it is another rounding
    reference = float_scores(made)
    assert signal_to_noise_db(reference, found) > signal_to_noise_db(reference, before) - 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_random_trunks_have_the_same_codes_in_both_files(seed: int) -> None:
    made = steps(trunk(2 + seed * 3, seed=seed, has_limits=bool(seed % 2)), seed=seed)
    added = with_float_sums(made.quantized, chained_sums(made.quantized.graph))
    assert any(op.kind is Kind.QUANTIZE for op in added.graph.ops)
    summed = replace(made, quantized=added)
    found, step = tflite_scores(summed)
    apart = np.abs(np.rint((found - onnx_scores(summed)) / step)).max()
    assert apart <= len(added.near_ties)


def test_the_simulation_gives_the_files_codes(made: Steps) -> None:
    added = with_float_sums(made.quantized, chained_sums(made.quantized.graph))
    found, step = tflite_scores(replace(made, quantized=added))
    simulated = correct(
        added,
        calibrate(made.deploy, [made.images]),
        [made.images],
        weights_of=made.deploy.graph,
        moves_biases=False,
    )
    assert np.abs(np.rint((simulated.scores - found) / step)).max() <= 1


def test_one_sum_alone_stays_as_it_is() -> None:
    graph = steps(trunk(sums=1)).deploy.graph
    assert any(op.kind is Kind.ADD for op in graph.ops)
    assert chained_sums(graph) == frozenset()


@pytest.mark.parametrize(("last", "are_near"), [(1.0, False), (1.0003, True)])
def test_scales_that_have_no_unit_in_common_are_named(last: float, are_near: bool) -> None:
    """The second sum's own summands fit; with the first sum's in float there are three."""
    scales = {"a": 1.0, "b": 3.0, "c": 5.0, "ab": 7.0, "abc": 7.0 * last}
    tensors: Mapping[str, Tensor] = {
        name: Tensor(name=name, shape=(1, 1, 1, 1), quant=QuantParams(scales=(scale,)))
        for name, scale in scales.items()
    }
    ops = (
        Op(kind=Kind.RELU, inputs=("a",), output="b"),
        Op(kind=Kind.RELU, inputs=("a",), output="c"),
        Op(kind=Kind.ADD, inputs=("a", "b"), output="ab"),
        Op(kind=Kind.ADD, inputs=("ab", "c"), output="abc"),
    )
    graph = Graph(ops=ops, tensors=tensors, input="a", output="abc")
    found = with_float_sums(QuantizedGraph(graph=graph, input_offset=0), {"ab", "abc"})
    assert (found.near_ties == ("abc",)) is are_near


def test_parts_have_more_and_more_in_float(tuned: Tuned) -> None:
    alone, *parts = with_sums_and_tails(tuned.deploy.graph)
    assert alone == FloatPart(sums=chained_sums(tuned.deploy.graph))
    tails = [len(part.tail) for part in parts]
    assert tails == sorted(set(tails) - {0})
    for part in parts:
        assert part.sums.isdisjoint(part.tail)


def test_a_tail_in_float_leaves_the_integers_before_it_and_is_nearer(
    made: Steps, tuned: Tuned
) -> None:
    part = with_sums_and_tails(tuned.deploy.graph)[-1]
    ended = in_float(tuned, tuned.quantized, part, [made.images])
    assert ended.graph.is_real(ended.graph.output)
    kept = {name for name, tensor in ended.graph.tensors.items() if tensor.codes is not None}
    assert kept
    for name in kept:
        tensor = tuned.quantized.graph.tensors[name]
        np.testing.assert_array_equal(ended.graph.codes(name), tensor.codes)
    reference = float_scores(made)
    whole = onnx_scores(replace(made, quantized=tuned.quantized))
    found = onnx_scores(replace(made, quantized=ended))
    assert signal_to_noise_db(reference, found) > signal_to_noise_db(reference, whole)


def test_the_costliest_roundings_are_spared_one_on_top_of_the_other(made: Steps) -> None:
    images = [made.images]
    tuned = tune(made.deploy, images, images, decisions=[BY_SOFTMAX], effort=Effort.DEFAULT)
    first, second = with_roundings_spared(tuned, frozenset(), ends=[], most=2)
    assert first.spared == second.spared[:1]
    assert second.spared == tuple(cost for cost in tuned.costs if cost in second.spared)
    assert first.kept < second.kept
    kept = in_float(tuned, tuned.quantized, first, images)
    assert {op.output for op in kept.graph.ops if kept.graph.is_float(op)} == first.kept
