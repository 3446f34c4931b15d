"""Layers kept in float: candidate in the order of their costs, written so in both files."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import BY_SOFTMAX, Steps, mobile_steps, signal_to_noise_db, steps

from strop.export.emit.tflite import emit_tflite
from strop.export.ir.graph import Array, Kind
from strop.export.options.choices import Effort
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.mixed_precision import float_candidates, float_ends, keep_float
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.quantize.tune import Tuned, tune


@pytest.fixture(scope="module")
def made() -> Steps:
    return mobile_steps()


@pytest.fixture(scope="module")
def tuned(made: Steps) -> Tuned:
    images = [made.images]
    return tune(made.deploy, images, images, decisions=[BY_SOFTMAX], effort=Effort.DEFAULT)


def with_kept(made: Steps, *kept: str) -> QuantizedGraph:
    return quantize(made.deploy, calibrate(made.deploy, [made.images]), kept=kept)


def test_the_costliest_are_spared_first_on_top_of_each_other(tuned: Tuned) -> None:
    candidate = list(float_candidates(tuned))
    assert [one.cost for one in candidate] == [
        cost for cost in tuned.costs if cost in [one.cost for one in candidate]
    ]
    for before, after in pairwise(candidate):
        assert before.kept < after.kept


def test_a_result_is_spared_by_who_writes_and_who_reads_it(tuned: Tuned) -> None:
    graph = tuned.deploy.graph
    first = next(one for one in float_candidates(tuned) if one.cost.part == "activation")
    layer = first.cost.layer
    assert {layer, *(reader.output for reader in graph.consumers(layer))} <= first.kept


def test_the_scores_stay_codes(tuned: Tuned) -> None:
    names = {one.cost.layer for one in float_candidates(tuned) if one.cost.part == "activation"}
    assert tuned.deploy.graph.output not in names
    *_, last = float_candidates(tuned)
    quantized = keep_float(tuned, last.kept, [np.zeros((1, 24, 24, 3), np.uint8)])
    assert not quantized.graph.is_real(quantized.graph.output)


def test_an_end_in_float_gives_real_scores_and_is_nearer(made: Steps, tuned: Tuned) -> None:
    graph = tuned.deploy.graph
    dense, pooled = float_ends(graph, graph.output)
    assert graph.output in dense < pooled
    assert {op.kind for op in graph.ops if op.output in dense} == {Kind.CONV, Kind.RESHAPE}
    assert {op.kind for op in graph.ops if op.output in pooled - dense} == {Kind.MEAN}
    reference, images = float_scores(made), [made.images]
    whole = keep_float(tuned, frozenset(), images)
    least = signal_to_noise_db(reference, onnx_scores(replace(made, quantized=whole)))
    for kept in (dense, pooled):
        quantized = keep_float(tuned, kept, images, ends_in_float=True)
        assert quantized.graph.is_real(graph.output)
        of_onnx = onnx_scores(replace(made, quantized=quantized))
        # The same float arithmetic in another order.
        np.testing.assert_allclose(
            _real_scores(quantized, made.images), of_onnx, rtol=1e-4, atol=1e-4
        )
        assert signal_to_noise_db(reference, of_onnx) > least


def _real_scores(quantized: QuantizedGraph, images: Array) -> Array:
    interpreter = Interpreter(model_content=emit_tflite(quantized))
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert scores["dtype"] == np.float32
    found = []
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"])[0])
    return np.array(found)


def test_the_rounding_of_the_scores_is_a_candidate_where_they_may_be_real(tuned: Tuned) -> None:
    (dense, _) = float_ends(tuned.deploy.graph, tuned.deploy.graph.output)
    candidates = list(float_candidates(tuned, ends=[dense]))
    ends = [one for one in candidates if one.ends_in_float]
    assert ends
    assert all(dense <= one.kept for one in ends)
    assert not any(one.ends_in_float for one in float_candidates(tuned))


def test_branches_that_come_together_behind_the_weights_have_no_end_in_float() -> None:
    image = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    two = [keras.layers.Dense(3)(x) for _ in range(2)]
    ends = {
        "sum": keras.layers.Add()(two),
        "both": keras.layers.Concatenate()(two),
        "one": keras.layers.Rescaling(2.0)(two[0]),
        "mean": x,
    }
    graphs = {name: steps(keras.Model(image, end)).deploy.graph for name, end in ends.items()}
    found = {name: float_ends(graph, graph.output) for name, graph in graphs.items()}
    assert found["sum"] == found["both"] == ()
    assert len(found["one"]) == 2
    assert [len(end) for end in found["mean"]] == [1]


def test_only_a_result_that_kept_operations_alone_read_has_no_codes(made: Steps) -> None:
    graph = made.deploy.graph
    first, second = graph.ops[0].output, graph.ops[1].output
    assert not with_kept(made, first).graph.is_real(first)
    both = with_kept(made, first, second).graph
    assert both.is_real(first)
    assert not both.is_real(second)


@pytest.mark.parametrize("kind", [Kind.CONV, Kind.DEPTHWISE, Kind.ADD, Kind.MEAN])
def test_a_kept_operation_makes_both_files_no_worse(made: Steps, kind: Kind) -> None:
    name = next(op.output for op in made.deploy.graph.ops if op.kind is kind)
    reference = float_scores(made)
    before, _ = tflite_scores(made)
    mixed = replace(made, quantized=with_kept(made, name))
    found, step = tflite_scores(mixed)
    by_onnx = onnx_scores(mixed)
    # Another rounding than before, in a net of which this layer is a part.
    assert signal_to_noise_db(reference, found) > signal_to_noise_db(reference, before) - 0.5
    # Engines sum reals in different orders, which can move a tie.
    assert np.abs(np.rint((by_onnx - found) / step)).max() <= 1


def test_all_in_float_but_the_scores_leaves_their_rounding_alone(made: Steps) -> None:
    graph = made.deploy.graph
    kept = [op.output for op in graph.ops if op.kind is not Kind.RESHAPE]
    mixed = replace(made, quantized=with_kept(made, *kept))
    reference = float_scores(made)
    found, step = tflite_scores(mixed)
    inside = (found > found.min()) & (found < found.max())
    # Half a step of the scores, and float32's sums.
    assert np.abs(reference - found)[inside].max() <= step * 0.501
    assert np.abs(onnx_scores(mixed) - found).max() <= step * 1.001
