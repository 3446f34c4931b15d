"""Where `is_exact` says so, both engines give the reference's codes of an enlarged picture."""

from __future__ import annotations

import numpy as np
import pytest
from tests.export.emit import integer_reference
from tests.export.emit.every_tensor import by_litert, by_onnxruntime

from strop.export.ir.graph import Array, Graph, Kind, Op, QuantParams, Tensor
from strop.export.kernels.bilinear import Coordinates, is_exact
from strop.export.quantize.quantize import QuantizedGraph

CORNERS = Coordinates.ALIGN_CORNERS
Sides = tuple[int, int]
# Of the sizes that are drawn: a side, and what becomes of it.
SIDES = (1, 2, 3, 5, 8, 9, 17, 33)
FACTORS = (1, 2, 4, 8, 16, 32)


def resized(size: Sides, found: Sides, coordinates: Coordinates) -> QuantizedGraph:
    bytes_ = QuantParams(scales=(1.0,), zero_point=-128)
    tensors = [
        Tensor(name="image", shape=(1, *size, 3), quant=bytes_),
        Tensor(name="large", shape=(1, *found, 3), quant=bytes_),
    ]
    op = Op(kind=Kind.BILINEAR, inputs=("image",), output="large", coordinates=coordinates)
    graph = Graph(
        ops=(op,),
        tensors={tensor.name: tensor for tensor in tensors},
        input="image",
        output="large",
    )
    return QuantizedGraph(graph=graph, input_offset=0)


def images_of(size: Sides) -> list[Array]:
    """One of few values, which make ties, one of the largest differences, and one of all."""
    random = np.random.default_rng(sum(size))
    draws = ((0, 1, 2), (0, 1, 254, 255), np.arange(256))
    return [random.choice(np.array(draw, np.uint8), (*size, 3)) for draw in draws]


def off(size: Sides, found: Sides, coordinates: Coordinates) -> int:
    """How many codes either engine has otherwise than the reference."""
    quantized, images = resized(size, found, coordinates), images_of(size)
    wrong = 0
    for codes in (*by_litert(quantized, images), *by_onnxruntime(quantized, images)):
        expected = integer_reference.run_op(quantized.graph, quantized.graph.ops[0], codes)
        wrong += int((codes["large"] != expected).sum())
    return wrong


def drawn(seed: int) -> tuple[Sides, Sides, Coordinates]:
    random = np.random.default_rng(seed)
    while True:
        coordinates = list(Coordinates)[seed % len(Coordinates)]
        size = random.choice(SIDES, 2)
        factors = random.choice(FACTORS, 2)
        found = (size - 1) * factors + 1 if coordinates is CORNERS else size * factors
        pair = (int(size[0]), int(size[1])), (int(found[0]), int(found[1]))
        # Or smaller.
        pair = pair if random.random() < 0.7 else (pair[1], pair[0])
        if is_exact(*pair, coordinates) and max(pair[1]) < 300:
            return (*pair, coordinates)


@pytest.mark.parametrize("seed", range(24))
def test_both_engines_give_the_codes_of_the_reference(seed: int) -> None:
    assert off(*drawn(seed)) == 0


@pytest.mark.parametrize(
    ("size", "found", "coordinates"),
    [
        ((2, 2), (64, 64), Coordinates.HALF_PIXEL),
        ((33, 33), (65, 129), CORNERS),
        ((1, 1), (7, 13), Coordinates.HALF_PIXEL),
    ],
)
def test_these_sizes_are_exact(size: Sides, found: Sides, coordinates: Coordinates) -> None:
    assert is_exact(size, found, coordinates)
    assert off(size, found, coordinates) == 0


@pytest.mark.parametrize(
    ("size", "found", "coordinates"),
    [((8, 8), (48, 48), Coordinates.HALF_PIXEL), ((9, 9), (13, 23), CORNERS)],
)
def test_the_engines_differ_elsewhere(size: Sides, found: Sides, coordinates: Coordinates) -> None:
    assert not is_exact(size, found, coordinates)
    quantized, images = resized(size, found, coordinates), images_of(size)
    one, other = (run(quantized, images)[1]["large"] for run in (by_litert, by_onnxruntime))
    assert (one != other).any()
