"""Averages and convolutions of single pixels change places where that is less work, exactly."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from strop.export.ir.execute import execute
from strop.export.ir.graph import (
    NO_PADS,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Pads,
    Tensor,
    float_constant,
)
from strop.export.passes.average_pool import replace_pools
from strop.export.passes.pool_order import order_pools

SIDE, CHANNELS = 8, 6
PADS: tuple[Pads, ...] = (NO_PADS, ((1, 1), (1, 1)), ((0, 1), (0, 1)))


class Writer:
    """A graph being written, each operation behind the one before."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.ops: list[Op] = []
        self.last = Tensor(name="image", shape=(1, SIDE, SIDE, CHANNELS))
        self.tensors = {"image": self.last}

    def add(self, op: Op, shape: tuple[int, ...]) -> None:
        name = f"t{len(self.ops)}"
        self.ops.append(replace(op, inputs=(self.last.name, *op.inputs), output=name))
        self.last = self.tensors[name] = Tensor(name=name, shape=shape)

    def convolution(self, outputs: int, fused: Fused = Fused.NONE, *, taps: int = 1) -> None:
        _, rows, columns, channels = self.last.shape
        at = len(self.ops)
        weights = self.random.normal(size=(outputs, taps, taps, channels))
        bias = self.random.normal(size=outputs)
        constants = (float_constant(f"w{at}", weights), float_constant(f"b{at}", bias))
        self.tensors |= {constant.name: constant for constant in constants}
        op = Op(kind=Kind.CONV, inputs=(f"w{at}", f"b{at}"), output="", fused=fused)
        self.add(op, (1, rows - taps + 1, columns - taps + 1, outputs))

    def padding(self, pads: Pads) -> None:
        _, rows, columns, channels = self.last.shape
        shape = (1, rows + sum(pads[0]), columns + sum(pads[1]), channels)
        self.add(Op(kind=Kind.PAD, inputs=(), output="", pads=pads), shape)

    def pool(self, window: int, stride: int, pads: Pads, fused: Fused = Fused.NONE) -> None:
        _, *size, channels = self.last.shape
        sides = [
            (side + sum(pad) - window) // stride + 1 for side, pad in zip(size, pads, strict=True)
        ]
        pool = Op(
            kind=Kind.AVERAGE_POOL,
            inputs=(),
            output="",
            window=(window, window),
            stride=(stride, stride),
            pads=pads,
            fused=fused,
        )
        self.add(pool, (1, sides[0], sides[1], channels))

    def graph(self) -> Graph:
        made = Graph(
            ops=tuple(self.ops), tensors=self.tensors, input="image", output=self.last.name
        )
        return replace_pools(made)


def scores(graph: Graph) -> Array:
    images = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, CHANNELS))
    return np.asarray(execute(graph, images.astype(np.float32)))


def kinds(graph: Graph) -> list[Kind]:
    return [op.kind for op in graph.ops]


def multiply_adds(graph: Graph) -> int:
    layers = [op for op in graph.ops if op.kind in (Kind.CONV, Kind.DEPTHWISE)]
    return sum(
        prod(graph.tensors[op.output].shape[1:])
        * prod(graph.tensors[op.inputs[1]].shape[1:])
        // (graph.tensors[op.output].shape[3] if op.kind is Kind.DEPTHWISE else 1)
        for op in layers
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_stay_the_same_function_with_no_more_work(seed: int) -> None:
    writer = Writer(seed)
    random = writer.random
    for _ in range(int(random.integers(1, 4))):
        fused = (Fused.NONE, Fused.NONE, Fused.RELU)[random.integers(3)]
        writer.convolution(int(random.integers(2, 9)), fused, taps=int(random.integers(1, 3)))
        if random.random() < 0.3:
            writer.padding(PADS[random.integers(1, 3)])
        fused = Fused.RELU if random.random() < 0.2 else Fused.NONE
        pads = PADS[random.integers(3)]
        if min(writer.last.shape[1:3]) > 2:
            writer.pool(int(random.integers(2, 4)), int(random.integers(1, 3)), pads, fused)
    writer.convolution(int(random.integers(1, 9)), Fused.RELU)
    graph = writer.graph()
    made = order_pools(graph)
    expected = scores(graph)
    # Sums of up to a hundred products, in float32 and in another order.
    np.testing.assert_allclose(scores(made), expected, rtol=1e-4, atol=1e-5 * np.ptp(expected))
    assert multiply_adds(made) <= multiply_adds(graph)


def test_a_convolution_with_fewer_results_comes_before_the_average_that_it_reads() -> None:
    writer = Writer(1)
    writer.pool(3, 1, ((1, 1), (1, 1)))
    writer.convolution(2, Fused.RELU)
    made = order_pools(writer.graph())
    assert kinds(made) == [Kind.CONV, Kind.DEPTHWISE, Kind.MUL]
    assert [op.fused for op in made.ops] == [Fused.NONE, Fused.NONE, Fused.RELU]


def test_padding_that_counts_leaves_the_bias_to_the_average() -> None:
    writer = Writer(1)
    writer.padding(((1, 1), (1, 1)))
    writer.pool(3, 1, NO_PADS)
    writer.convolution(2)
    made = order_pools(writer.graph())
    assert kinds(made) == [Kind.CONV, Kind.PAD, Kind.DEPTHWISE]
    assert not made.data(made.ops[0].inputs[2]).any()
    assert made.data(made.ops[2].inputs[2]).any()


def test_an_average_with_a_stride_comes_before_the_convolution_that_it_reads() -> None:
    writer = Writer(1)
    writer.convolution(12)
    writer.pool(2, 2, NO_PADS, Fused.RELU)
    made = order_pools(writer.graph())
    assert kinds(made) == [Kind.DEPTHWISE, Kind.CONV]
    assert [op.fused for op in made.ops] == [Fused.NONE, Fused.RELU]


@pytest.mark.parametrize(("outputs", "taps"), [(CHANNELS, 1), (2, 2)])
def test_other_convolutions_stay_behind(outputs: int, taps: int) -> None:
    writer = Writer(1)
    writer.pool(3, 1, NO_PADS)
    writer.convolution(outputs, taps=taps)
    graph = writer.graph()
    assert order_pools(graph) is graph
