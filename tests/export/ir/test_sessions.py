"""LiteRT's sessions of one operation and of many give what the operations are defined to give."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from strop.export.ir import layer_sessions, litert_session
from strop.export.ir.execute import compute_unfused, execute
from strop.export.ir.graph import Array, Fused, Graph, Kind, Op, Tensor, float_constant
from strop.export.ir.layer_sessions import run_layer
from strop.export.ir.partial_execution import PIECE, Rest, replay
from strop.export.ir.processor_kernels import by_processor, is_single_row, single_row

SIDE, CHANNELS = 6, 4
SHAPE = (1, SIDE, SIDE, CHANNELS)
RANDOM = np.random.default_rng(0)
CONV = Op(kind=Kind.CONV, inputs=("image", "weights", "bias"), output="scores")


def drawn(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


def in_a_row(*steps: tuple[Op, tuple[int, ...]]) -> Graph:
    """Operations with the shapes of their results; each name that is not made is a constant."""
    made = {"image": SHAPE, **{op.output: shape for op, shape in steps}}
    tensors = [Tensor(name=name, shape=shape) for name, shape in made.items()]
    constants = {
        "weights": drawn(CHANNELS, 3, 2, CHANNELS),
        "bias": drawn(CHANNELS),
        "depthwise": drawn(1, 3, 3, CHANNELS),
        "table": drawn(5, CHANNELS),
        "fives": drawn(5),
        "factor": drawn(1, 1, 1, CHANNELS),
    }
    return Graph(
        ops=tuple(op for op, _ in steps),
        tensors={
            tensor.name: tensor
            for tensor in (*tensors, *(float_constant(*each) for each in constants.items()))
        },
        input="image",
        output=steps[-1][0].output,
    )


def all_kinds() -> Graph:
    """Every kind of operation with an odd setting, one behind the other; twelve and more."""
    size = (1, SIDE, SIDE, CHANNELS)
    return in_a_row(
        (replace(CONV, output="a", pads=((2, 0), (1, 0)), fused=Fused.RELU6), size),
        (Op(kind=Kind.SHUFFLE, inputs=("a",), output="b", groups=2), size),
        (
            Op(
                kind=Kind.DEPTHWISE,
                inputs=("b", "depthwise", "bias"),
                output="c",
                pads=((1, 1), (1, 1)),
            ),
            size,
        ),
        (Op(kind=Kind.HARD_SWISH, inputs=("c",), output="d"), size),
        (Op(kind=Kind.MUL, inputs=("d", "factor"), output="e"), size),
        (Op(kind=Kind.ADD, inputs=("e", "a"), output="f", fused=Fused.RELU), size),
        (Op(kind=Kind.SLICE, inputs=("f",), output="g", begin=1), (1, SIDE, SIDE, 2)),
        (Op(kind=Kind.TANH, inputs=("g",), output="h"), (1, SIDE, SIDE, 2)),
        (
            Op(kind=Kind.CONCATENATION, inputs=("g", "h"), output="i", axis=3),
            (1, SIDE, SIDE, CHANNELS),
        ),
        (
            Op(kind=Kind.CROP, inputs=("i",), output="j", corner=(0, 1, 0, 0)),
            (1, 4, SIDE, CHANNELS),
        ),
        (
            Op(kind=Kind.MAX_POOL, inputs=("j",), output="k", window=(2, 2), stride=(1, 2)),
            (1, 3, 3, CHANNELS),
        ),
        (
            Op(
                kind=Kind.AVERAGE_POOL,
                inputs=("k",),
                output="l",
                window=(3, 3),
                pads=((1, 1), (1, 1)),
            ),
            (1, 3, 3, CHANNELS),
        ),
        (Op(kind=Kind.PAD, inputs=("l",), output="m", pads=((0, 1), (0, 0))), (1, 4, 3, CHANNELS)),
        (
            Op(kind=Kind.TRANSPOSE, inputs=("m",), output="n", order=(0, 2, 1, 3)),
            (1, 3, 4, CHANNELS),
        ),
        (Op(kind=Kind.LOGISTIC, inputs=("n",), output="o"), (1, 3, 4, CHANNELS)),
        (Op(kind=Kind.MEAN, inputs=("o",), output="p", keep_dims=False), (1, CHANNELS)),
        (Op(kind=Kind.DENSE, inputs=("p", "table", "fives"), output="q"), (1, 5)),
        (Op(kind=Kind.SOFTMAX, inputs=("q",), output="r"), (1, 5)),
    )


def test_the_rest_gives_the_same_scores_from_every_operation() -> None:
    graph, images = all_kinds(), drawn(3, *SHAPE[1:])
    assert len(graph.ops) > 2 * PIECE
    expected = execute(graph, images)
    assert expected.sum(1) == pytest.approx(1)
    rest = Rest(graph)
    for index, values in replay(graph, images):
        for start in (index, index + 1):
            # Probabilities; sums of some ten products in another order.
            np.testing.assert_allclose(rest.scores_from(start, values), expected, atol=1e-5)


def test_the_rest_of_a_deep_graph_holds_few_values_at_once() -> None:
    names = ["image", *(f"x{index}" for index in range(8 * PIECE))]
    places = pairwise(names)
    graph = in_a_row(
        *((Op(kind=Kind.RELU, inputs=(name,), output=result), SHAPE) for name, result in places)
    )
    images = drawn(300, *SHAPE[1:])
    rest = Rest(graph)
    rest.scores_from(0, {"image": images})  # which opens its sessions
    tracemalloc.start()
    rest.scores_from(0, {"image": images})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # What a piece reads and writes, of eight pieces.
    assert peak < 3.5 * images.nbytes


def test_an_image_gives_the_same_alone_and_among_others() -> None:
    graph, images = all_kinds(), drawn(4, *SHAPE[1:])
    alone = [execute(graph, images[at : at + 1]) for at in range(4)]
    assert np.array_equal(np.concatenate(alone), execute(graph, images))
    assert execute(graph, images[:0]).shape == (0, 5)


def test_a_convolution_of_one_pixel_is_a_product_of_matrices() -> None:
    weights, bias, images = drawn(7, 1, 1, CHANNELS), drawn(7), drawn(3, *SHAPE[1:])
    graph = in_a_row((CONV, (1, SIDE, SIDE, 7)))
    found = run_layer(replace(CONV, fused=Fused.RELU), [images, weights, bias], graph)
    np.testing.assert_allclose(found, images @ weights[:, 0, 0].T + bias, atol=1e-5)


@pytest.mark.parametrize(
    ("op", "image", "weights"),
    [
        (CONV, (1, 1, CHANNELS), (7, 1, 1, CHANNELS)),
        (CONV, (3, 2, CHANNELS), (7, 3, 2, CHANNELS)),
        (
            replace(CONV, dilation=(2, 1), pads=((1, 1), (0, 1)), stride=(2, 2)),
            (3, 1, CHANNELS),
            (5, 3, 2, CHANNELS),
        ),
        (replace(CONV, kind=Kind.DENSE), (CHANNELS,), (7, CHANNELS)),
    ],
)
def test_a_single_row_is_what_litert_makes_of_it(
    op: Op, image: tuple[int, ...], weights: tuple[int, ...]
) -> None:
    operands = [drawn(3, *image), drawn(*weights), drawn(weights[0])]
    shape = (1, *[1] * (len(image) - 1), weights[0])
    graph = in_a_row((replace(op, fused=Fused.NONE), shape))
    assert is_single_row(op, operands, shape)
    found = single_row(op, operands)
    np.testing.assert_allclose(found, run_layer(op, operands, graph), atol=1e-5)
    assert np.array_equal(found, compute_unfused(op, operands, graph))


def test_layers_with_kernels_of_their_own_by_processor_are_named() -> None:
    windows = {"w3": (1, 3, 3, 4), "w5": (1, 5, 5, 4), "w7": (1, 7, 7, 4)}
    tensors = [Tensor(name=name, shape=shape) for name, shape in windows.items()]
    ops = (
        *(Op(kind=Kind.DEPTHWISE, inputs=("x", name, "b"), output=f"d{name}") for name in windows),
        Op(kind=Kind.LOGISTIC, inputs=("dw7",), output="sigmoid"),
        Op(kind=Kind.HARD_SWISH, inputs=("sigmoid",), output="y"),
    )
    graph = Graph(ops=ops, tensors={each.name: each for each in tensors}, input="x", output="y")
    assert by_processor(graph) == ("dw5", "sigmoid")


def test_a_session_goes_with_its_weights() -> None:
    graph, images = in_a_row((CONV, SHAPE)), drawn(1, *SHAPE[1:])
    weights = [drawn(CHANNELS, 1, 1, CHANNELS), drawn(CHANNELS)]
    gc.collect()  # of tests before this one
    before = len(layer_sessions._opened)
    run_layer(CONV, [images, *weights], graph)
    run_layer(CONV, [images, *weights], graph)
    assert len(layer_sessions._opened) == before + 1
    weights.clear()
    gc.collect()
    assert len(layer_sessions._opened) == before


def test_sessions_are_kept_up_to_a_size_of_all_their_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, images = in_a_row((CONV, SHAPE)), drawn(1, *SHAPE[1:])
    layers = [[drawn(CHANNELS, 1, 1, CHANNELS), drawn(CHANNELS)] for _ in range(4)]
    layer_sessions._opened.clear()
    found = [run_layer(CONV, [images, *layer], graph) for layer in layers]
    (size,) = {session.model_bytes for session in layer_sessions._opened.values()}
    monkeypatch.setattr(layer_sessions, "MOST_BYTES", 3 * size)
    for layer, expected in zip(layers, found, strict=True):
        np.testing.assert_array_equal(run_layer(CONV, [images, *layer], graph), expected)
        assert len(layer_sessions._opened) <= 3
    monkeypatch.setattr(layer_sessions, "MOST_BYTES", size - 1)
    run_layer(CONV, [images, *layers[0]], graph)
    assert len(layer_sessions._opened) == 1  # one is needed, however large


def test_several_threads_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    side = 2 + int(np.sqrt(litert_session.LARGE / CHANNELS))
    shape = (1, side, side, CHANNELS)
    image = Tensor(name="image", shape=shape)
    graph = in_a_row((replace(CONV, pads=((1, 1), (1, 0))), shape))
    graph = replace(graph, tensors={**graph.tensors, "image": image})
    images, found = drawn(2, *shape[1:]), []
    for threads in (1, 4):
        monkeypatch.setattr(litert_session, "MOST_THREADS", threads)
        layer_sessions._opened.clear()
        found.append(execute(graph, images))
    np.testing.assert_array_equal(found[0], found[1])
