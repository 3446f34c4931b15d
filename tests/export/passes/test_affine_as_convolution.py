"""Products and sums with one constant per channel: what becomes of them, and how they round."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.emit import integer_reference

from strop.export.ir.execute import execute
from strop.export.ir.graph import (
    ELEMENTWISE,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Tensor,
    float_constant,
)
from strop.export.passes.affine_as_convolution import affine_as_convolution
from strop.export.passes.fold import fold
from strop.export.quantize.calibrate import calibrate
from strop.export.quantize.quantize import quantize

SHAPE = (1, 5, 4, 6)
CHANNELS = SHAPE[3]


def graph_of(*ops: Op, **constants: Array) -> Graph:
    """Operations behind a pooling of the image, so that none of them normalizes pixels."""
    pool = Op(kind=Kind.MAX_POOL, inputs=("image",), output="x", window=(1, 1))
    names = ("image", "x", *(op.output for op in ops))
    tensors = {name: Tensor(name=name, shape=SHAPE) for name in names}
    tensors |= {name: float_constant(name, values) for name, values in constants.items()}
    return Graph(ops=(pool, *ops), tensors=tensors, input="image", output=names[-1])


def images(count: int = 3) -> Array:
    drawn = np.random.default_rng(0).integers(0, 256, (count, *SHAPE[1:]))
    return drawn.astype(np.float32)


def scores(graph: Graph) -> Array:
    return np.asarray(execute(graph, images()))


def random_graph(seed: int) -> Graph:
    """Up to eight operations with a constant, some read twice, some behind an activation."""
    random = np.random.default_rng(seed)
    ops: list[Op] = []
    constants: dict[str, Array] = {}
    for at in range(int(random.integers(1, 9))):
        shape = [(CHANNELS,), (1, 1, 1, CHANNELS), (1,), (1, 1, 4, 1)][random.integers(4)]
        constants[f"c{at}"] = random.uniform(-2, 2, shape)
        source = f"y{random.integers(max(at - 2, 0), at)}" if at else "x"
        pair = (source, f"c{at}") if random.random() < 0.7 else (f"c{at}", source)
        kind = [Kind.ADD, Kind.SUB, Kind.MUL][random.integers(3)]
        fused = Fused.RELU if random.random() < 0.2 else Fused.NONE
        ops.append(Op(kind=kind, inputs=pair, output=f"y{at}", fused=fused))
    graph = graph_of(*ops, **constants)
    read = {name for op in ops for name in op.inputs}
    return graph.rewired(op for op in graph.ops if op.output in {*read, graph.output, "x"})


def is_per_channel(graph: Graph, op: Op) -> bool:
    constants = [graph.tensors[name] for name in op.inputs if graph.is_constant(name)]
    return op.kind in ELEMENTWISE and any(
        constant.shape[-1:] == (CHANNELS,) for constant in constants
    )


@pytest.mark.parametrize("seed", range(40))
def test_random_chains_stay_the_same_function_without_constants_per_channel(seed: int) -> None:
    graph = random_graph(seed)
    made = affine_as_convolution(graph)
    expected = scores(graph)
    # Products of up to eight factors, in float32 and in another order.
    np.testing.assert_allclose(scores(made), expected, rtol=1e-5, atol=1e-5 * np.ptp(expected))
    assert not any(is_per_channel(made, op) for op in made.ops)
    assert len(made.ops) <= len(graph.ops)


def batch_norm(spread: float) -> Graph:
    """A product and a sum with a ReLU, whose factors reach from 1 to 1 / spread."""
    factors = np.geomspace(1, 1 / spread, CHANNELS)
    return graph_of(
        Op(kind=Kind.MUL, inputs=("x", "factors"), output="scaled"),
        Op(kind=Kind.SUB, inputs=("scaled", "terms"), output="scores", fused=Fused.RELU),
        factors=factors,
        terms=factors * np.linspace(10, 100, CHANNELS),
    )


def test_a_batch_normalization_and_its_relu_are_one_convolution() -> None:
    made = affine_as_convolution(batch_norm(4.0)).ops[-1]
    assert (made.kind, made.fused, made.output) == (Kind.DEPTHWISE, Fused.RELU, "scores")


def test_it_rounds_once() -> None:
    graph = batch_norm(1000.0)
    quantized = quantize(deploy := fold(graph), calibrate(deploy, [images().astype(np.uint8)]))
    output = quantized.graph.quant("scores")
    for image, expected in zip(images(), scores(graph), strict=True):
        codes = integer_reference.run(quantized, image.astype(np.uint8))["scores"][0]
        found = output.scale * (codes.astype(np.float64) - output.zero_point)
        # The bias is rounded to 1 / 127 of a step at most, and the range ends at a whole code.
        assert np.abs(found - expected).max() <= 0.51 * output.scale


def test_one_constant_for_all_channels_stays() -> None:
    graph = graph_of(
        Op(kind=Kind.MUL, inputs=("x", "half"), output="y"),
        Op(kind=Kind.ADD, inputs=("y", "three"), output="scores", fused=Fused.RELU6),
        half=np.array(0.5),
        three=np.full(CHANNELS, 3.0),
    )
    assert affine_as_convolution(graph).ops == graph.ops


def test_the_normalization_of_pixels_is_left_to_the_first_convolution() -> None:
    graph = batch_norm(2.0)
    # The pooling of single pixels goes, so that the product reads the image.
    pixels = graph.rewired(
        [Op(kind=Kind.MUL, inputs=("image", "factors"), output="scaled"), *graph.ops[2:]]
    )
    assert affine_as_convolution(pixels).ops[0].kind is Kind.MUL
    folded = fold(pixels)
    assert [op.kind for op in folded.graph.ops] == [Kind.DEPTHWISE]
