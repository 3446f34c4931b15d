"""Channels in another order compute the same, and hardly anything moves them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.export.graphs import mobile_steps, steps
from tests.export.shuffled_nets import NETS, awkward, in_between, in_groups, passing_by

from strop.export.ir.execute import execute
from strop.export.ir.graph import Fused, Graph, Kind, Op, conv_groups
from strop.export.passes.channel_layout import place_channels
from strop.export.passes.fold import fold

# Of the largest score: sums of a few dozen products in another order, through twenty layers.
TOLERANCE = 100 * float(np.finfo(np.float32).eps)
SHUFFLING = (Kind.SHUFFLE, Kind.TRANSPOSE)


def kinds(graph: Graph) -> Counter[Kind]:
    return Counter(op.kind for op in graph.ops)


def path_between(graph: Graph, first: Op, last: Op) -> list[Kind]:
    """Kinds of the operations from one to another, first inputs backwards."""
    found: list[Kind] = []
    op: Op | None = last
    while op is not None and op is not first:
        op = graph.producer(op.inputs[0])
        found = [op.kind, *found] if op is not None else found
    return found


@pytest.mark.parametrize("net", NETS)
def test_the_folded_graph_computes_what_keras_computes(net: str) -> None:
    made = steps(NETS[net]())
    expected = made.source.forward(tf.constant(made.images.astype(np.float32))).numpy()
    scores = execute(made.deploy.graph, made.deploy.reals(made.images))
    assert np.abs(scores - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("net", NETS)
def test_the_test_notices_weights_in_the_wrong_place(net: str) -> None:
    made = steps(NETS[net]())
    graph = made.deploy.graph
    conv = next(op for op in graph.ops if op.kind is Kind.CONV and op.inputs[0] != graph.input)
    weights = graph.tensors[conv.inputs[1]]
    turned = replace(weights, data=np.roll(graph.data(weights.name), 1, axis=3))
    wrong = replace(graph, tensors={**graph.tensors, weights.name: turned})
    pixels = made.deploy.reals(made.images)
    expected = execute(graph, pixels)
    found = execute(wrong, pixels)
    assert np.abs(found - expected).max() > 100 * TOLERANCE * np.abs(expected).max()


def test_a_shuffle_between_dense_convolutions_is_nothing() -> None:
    made = steps(in_between())
    before = kinds(made.graph)
    assert before[Kind.SHUFFLE] == 1
    after = kinds(made.deploy.graph)
    assert not any(after[kind] for kind in (*SHUFFLING, Kind.SLICE, Kind.CONCATENATION))


def test_channels_that_pass_by_are_moved_by_slices_only() -> None:
    units = 6
    graph = steps(passing_by(units)).deploy.graph
    assert not any(op.kind in SHUFFLING for op in graph.ops)
    # One a unit for the half that it reads, one for all channels behind them, and the last.
    assert kinds(graph)[Kind.CONCATENATION] == units + 1
    # Of what each unit gave, at most one part goes to each of those behind it.
    for op in graph.ops:
        if op.kind is Kind.CONCATENATION:
            sources = [
                made.inputs[0] if made is not None and made.kind is Kind.SLICE else name
                for name in op.inputs
                for made in [graph.producer(name)]
            ]
            assert len(set(sources)) == len(sources)


def test_a_shuffle_between_groups_is_done_behind_the_depthwise_convolution() -> None:
    graph = steps(in_groups(3)).deploy.graph
    grouped = [op for op in graph.ops if op.kind is Kind.CONV and conv_groups(graph, op) == 3]
    assert len(grouped) == 5
    assert path_between(graph, grouped[1], grouped[2])[1:] == [Kind.DEPTHWISE, Kind.SHUFFLE]
    assert path_between(graph, grouped[3], grouped[4])[1:] == [Kind.DEPTHWISE, Kind.SHUFFLE]


def test_a_shuffle_from_a_dense_convolution_to_groups_is_nothing() -> None:
    graph = steps(in_groups(3)).deploy.graph
    first = next(op for op in graph.ops if op.kind is Kind.CONV and conv_groups(graph, op) == 3)
    depthwise = graph.producer(first.inputs[0])
    assert depthwise is not None
    assert depthwise.kind is Kind.DEPTHWISE


def test_what_needs_the_models_order_gets_it() -> None:
    graph = steps(awkward()).deploy.graph
    assert kinds(graph)[Kind.SHUFFLE] >= 1
    assert kinds(graph)[Kind.ADD] == 1


def test_a_graph_without_shuffles_and_splits_is_left_alone() -> None:
    graph = mobile_steps().graph
    assert place_channels(graph) is graph


def test_an_activation_behind_a_concatenation_is_fused_in_front_of_it() -> None:
    made = steps(in_groups())
    assert kinds(made.graph)[Kind.RELU] == 1
    assert kinds(fold(made.graph).graph)[Kind.RELU] == 0


def test_an_activation_that_cannot_be_fused_is_a_product_behind_the_concatenation() -> None:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(image)
    joined = keras.layers.Concatenate()([x, keras.layers.MaxPooling2D(3, 1, "same")(x)])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(joined))
    graph = steps(keras.Model(image, keras.layers.Dense(3)(x))).deploy.graph
    (product,) = [op for op in graph.ops if op.kind is Kind.MUL]
    assert (product.fused, kinds(graph)[Kind.RELU]) == (Fused.RELU, 0)
