"""A channel shuffle is found in what Keras writes, and nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from tests.export.graphs import steps

from strop.export.frontend.convert import float_graph
from strop.export.ir.channel_shuffle import expand_shuffles, groups_of_order, shuffle_order
from strop.export.ir.graph import Graph, Kind
from strop.export.source.source import from_keras_model

SHAPE = (4, 6, 12)


def graph_of(change: Any) -> Graph:
    """The float graph of a net that does this to an image of SHAPE."""
    image = keras.Input((4, 6, 3))
    x = change(keras.layers.Conv2D(SHAPE[2], 1)(image))
    scores = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    return float_graph(from_keras_model(keras.Model(image, scores), name="small"))


def permuted(inner: tuple[int, ...], order: tuple[int, ...], outer: tuple[int, ...]) -> Any:
    layers = keras.layers
    return lambda x: layers.Reshape(outer)(layers.Permute(order)(layers.Reshape(inner)(x)))


@pytest.mark.parametrize("groups", [2, 3, 4, 6])
def test_the_order_is_that_of_the_papers_reshape_and_transpose(groups: int) -> None:
    channels = np.arange(12)
    assert shuffle_order(12, groups).tolist() == channels.reshape(groups, -1).T.ravel().tolist()
    assert groups_of_order(shuffle_order(12, groups)) == groups


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 3, 1], [1, 0], [0], [3, 2, 1, 0]])
def test_another_order_is_no_shuffle(order: list[int]) -> None:
    assert groups_of_order(np.array(order)) is None


@pytest.mark.parametrize(
    "inner", [(4, 6, 3, 4), (24, 3, 4)], ids=["rows and columns", "all pixels in one dimension"]
)
def test_reshape_permute_reshape_is_a_shuffle(inner: tuple[int, ...]) -> None:
    rank = len(inner)
    order = (*range(1, rank - 1), rank, rank - 1)
    graph = graph_of(permuted(inner, order, SHAPE))
    (shuffle,) = [op for op in graph.ops if op.kind is Kind.SHUFFLE]
    assert shuffle.groups == 3
    assert not any(op.kind in (Kind.TRANSPOSE, Kind.RESHAPE) for op in graph.ops[:-1])


@pytest.mark.parametrize(
    "change",
    [
        permuted((4, 6, 3, 4), (2, 1, 4, 3), SHAPE),
        permuted((4, 6, 3, 4), (1, 2, 4, 3), (6, 4, 12)),
        permuted((4, 3, 6, 4), (1, 2, 4, 3), SHAPE),
        keras.layers.Permute((2, 1, 3)),
    ],
    ids=["rows by columns too", "another shape behind", "pixels among the channels", "no channels"],
)
def test_another_transposition_stays_one(change: Any) -> None:
    kinds = [op.kind for op in graph_of(change).ops]
    assert Kind.TRANSPOSE in kinds
    assert not {Kind.SHUFFLE, Kind.FLOAT} & set(kinds)


def test_expanded_it_is_one_transposition_of_three_dimensions() -> None:
    expanded = expand_shuffles(graph_of(permuted((4, 6, 3, 4), (1, 2, 4, 3), SHAPE)))
    (transpose,) = [op for op in expanded.ops if op.kind is Kind.TRANSPOSE]
    assert expanded.tensors[transpose.inputs[0]].shape == (24, 3, 4)
    assert expanded.tensors[transpose.output].shape == (24, 4, 3)


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        (lambda x: x[..., 2:5], {2}),
        (lambda x: x[..., -5:], {7}),
        (lambda x: x[..., ::5], {0, 5, 10}),
        (lambda x: keras.ops.split(x, 3, axis=-1)[1], {0, 4, 8}),
        (lambda x: keras.layers.Add()(keras.ops.split(x, [5, 10], axis=3)[:2]), {0, 5, 10}),
    ],
    ids=["slice", "from the end", "every fifth", "split", "split by places"],
)
def test_every_way_to_split_is_read(change: Any, begins: set[int]) -> None:
    graph = graph_of(change)
    assert {op.begin for op in graph.ops if op.kind is Kind.SLICE} == begins


def test_a_slice_of_rows_is_a_crop_and_one_backward_stays_in_float() -> None:
    (crop,) = [op for op in graph_of(keras.layers.Cropping2D(1)).ops if op.kind is Kind.CROP]
    assert crop.corner == (0, 1, 1, 0)
    (op,) = [op for op in graph_of(lambda x: x[:, ::-1]).ops if op.kind is Kind.FLOAT]
    (cause,) = op.floats().causes
    assert cause.kind == op.floats().kinds[0]
    assert "fixed places" in cause.needs or "channels" in cause.found


def test_a_split_is_computed_as_keras_computes_it() -> None:
    image = keras.Input((8, 8, 3))
    parts = keras.ops.split(keras.layers.Conv2D(12, 3)(image), 3, axis=-1)
    x = keras.layers.Add()([parts[0], keras.layers.Conv2D(4, 1)(parts[2])])
    scores = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(x))
    made = steps(keras.Model(image, scores))
    assert sum(op.kind is Kind.SLICE for op in made.deploy.graph.ops) == 2
