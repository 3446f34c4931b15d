"""Layers kept in float: candidate in the order of their costs, written so in both files."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import BY_SOFTMAX, Steps, mobile_block, signal_to_noise_db, steps

from strop.export.ir.graph import Kind
from strop.export.options.choices import Effort
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.mixed_precision import float_candidates, keep_float
from strop.export.quantize.quantize import QuantizedGraph, quantize
from strop.export.quantize.tune import Tuned, tune


@pytest.fixture(scope="module")
def made() -> Steps:
    return steps(mobile_block())


@pytest.fixture(scope="module")
def tuned(made: Steps) -> Tuned:
    images = [made.images]
    return tune(made.deploy, images, images, decision=BY_SOFTMAX, effort=Effort.DEFAULT)


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
