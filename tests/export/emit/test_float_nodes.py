"""Every float operation that an island may have is the same in ONNX as in LiteRT's kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.export.emit.float_cases import CASES
from tests.export.emit.float_models import IMAGE, Model

from strop.export.emit.float_nodes.write import WRITERS
from strop.export.emit.island_onnx import translated
from strop.runtime.errors import QuantizationError


def test_every_kind_that_is_written_has_a_case() -> None:
    assert set(CASES) == set(WRITERS)


@pytest.mark.parametrize("kind", CASES)
def test_an_operation_is_the_same_in_both(kind: str) -> None:
    """Translating compares the nodes' results with the kernels', for random values."""
    model = Model()
    outputs = CASES[kind](model, kind)
    graph = translated(model.island(*outputs), kind)
    assert len(graph.output) == len(outputs)


def centred(model: Model, image: int, axis: int = 3) -> tuple[int, int, int]:
    """Mean, difference, and one over the spread."""
    shape = [1 if place == axis else side for place, side in enumerate(IMAGE)]
    axes = {"of": "Reducer", "keepDims": True}
    mean = model.add("MEAN", [image, model.integers(axis)], shape, **axes)
    difference = model.add("SUB", [image, mean], IMAGE, of="Sub")
    square = model.add("SQUARE", [difference], IMAGE)
    variance = model.add("MEAN", [square, model.integers(axis)], shape, **axes)
    variance = model.add("ADD", [variance, model.constant(1e-3)], shape, of="Add")
    return mean, difference, model.add("RSQRT", [variance], shape)


def as_onnx_writes(model: Model) -> list[int]:
    """(x - mean) * spread * scale + offset."""
    _, difference, spread = centred(model, model.image())
    unit = model.add("MUL", [difference, spread], IMAGE, of="Mul")
    scaled = model.add("MUL", [unit, model.drawn(8)], IMAGE, of="Mul")
    return [model.add("ADD", [scaled, model.drawn(8)], IMAGE, of="Add")]


def as_keras_writes(model: Model) -> list[int]:
    """x * (spread * scale) + (offset - mean * (spread * scale))."""
    image = model.image()
    mean, _, spread = centred(model, image)
    factor = model.add("MUL", [spread, model.drawn(1, 1, 1, 8)], IMAGE, of="Mul")
    shift = model.add("MUL", [mean, factor], IMAGE, of="Mul")
    shift = model.add("SUB", [model.drawn(8), shift], IMAGE, of="Sub")
    scaled = model.add("MUL", [image, factor], IMAGE, of="Mul")
    return [model.add("ADD", [scaled, shift], IMAGE, of="Add")]


def with_its_mean(model: Model) -> list[int]:
    """The mean is read outside as well."""
    mean, difference, spread = centred(model, model.image())
    return [model.add("MUL", [difference, spread], IMAGE, of="Mul"), mean]


@pytest.mark.parametrize("make", [as_onnx_writes, as_keras_writes, with_its_mean])
def test_a_layer_normalization_is_one_node(make: Callable[[Model], list[int]]) -> None:
    model = Model()
    graph = translated(model.island(*make(model)), "norm")
    kinds = [node.op_type for node in graph.node if node.op_type != "Transpose"]
    assert kinds.count("LayerNormalization") == 1
    assert set(kinds) <= {"LayerNormalization", "ReduceMean"}


def other_axis(model: Model) -> list[int]:
    _, difference, spread = centred(model, model.image(), axis=2)
    return [model.add("MUL", [difference, spread], IMAGE, of="Mul")]


def half_of_the_mean(model: Model) -> list[int]:
    """x * spread - 0.5 * mean * spread."""
    image = model.image()
    mean, _, spread = centred(model, image)
    half = model.add("MUL", [mean, model.constant(0.5)], (1, 4, 6, 1), of="Mul")
    less = model.add("SUB", [image, half], IMAGE, of="Sub")
    return [model.add("MUL", [less, spread], IMAGE, of="Mul")]


@pytest.mark.parametrize("make", [other_axis, half_of_the_mean])
def test_what_only_looks_like_a_normalization_is_written_as_it_is(
    make: Callable[[Model], list[int]],
) -> None:
    model = Model()
    graph = translated(model.island(*make(model)), "norm")
    assert "LayerNormalization" not in {node.op_type for node in graph.node}


def test_an_image_stays_in_nchw_where_its_layout_does_not_matter() -> None:
    model = Model()
    bent = model.add("SIN", [model.image()], IMAGE)
    scaled = model.add("MUL", [bent, model.drawn(8)], IMAGE, of="Mul")
    soft = model.add("SOFTMAX", [scaled], IMAGE, of="Softmax", beta=1.0)
    graph = translated(model.island(soft), "chain")
    assert [node.op_type for node in graph.node] == ["Sin", "Mul", "Softmax"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("STABLEHLO_CBRT", {}, "has STABLEHLO_CBRT, which strop cannot write in float"),
        ("GATHER", {"of": "Gather", "axis": 1, "batchDims": 1}, "a list for each image"),
        ("MIRROR_PAD", {"of": "MirrorPad", "mode": 0}, "MIRROR_PAD of 4 places by 0 and 99"),
    ],
)
def test_what_onnx_does_not_get_is_refused_by_name(
    kind: str, options: dict[str, Any], said: str
) -> None:
    model = Model()
    more = {"GATHER": [[0]], "MIRROR_PAD": [[0, 0], [0, 99], [0, 0], [0, 0]]}.get(kind)
    inputs = [model.image()] + ([] if more is None else [model.constant(more, np.int32)])
    island = model.island(model.add(kind, inputs, IMAGE, **options))
    with pytest.raises(QuantizationError, match=f"{said}.*export with --format tflite"):
        translated(island, "net/last")
