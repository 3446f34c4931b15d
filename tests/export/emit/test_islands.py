"""What has no int8 form stays in float, in both files, and computes the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import Side, write_one_op
from tests.export.emit.test_emitters import float_scores, onnx_scores, tflite_scores
from tests.export.graphs import Steps, signal_to_noise_db, steps

from strop.export.bundle.tables import islands_table
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.tflite import emit_tflite
from strop.export.emit.write import check_islands
from strop.export.frontend.convert import float_graph
from strop.export.frontend.read_tflite import read_tflite
from strop.export.ir.graph import ELEMENTWISE, Kind
from strop.export.ir.tflite_names import operator_name
from strop.export.max_drop.island_prices import price_islands
from strop.export.source.source import from_keras_model
from strop.runtime.errors import QuantizationError

layers, ops = keras.layers, keras.ops
CHAINS = 8
FLOATS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, _: ops.gelu(x),
    lambda x, _: ops.cos(x),
    lambda x, _: layers.LayerNormalization()(x),
    lambda x, y: ops.sin(x) * y,
)


def model_of(change: Callable[[Any], Any]) -> keras.Model:
    """A convolution in front of the change, and one behind it."""
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 1)(change(x)))
    return keras.Model(image, layers.Dense(4)(x))


def rows_swapped(x: Any) -> Any:
    """Two results of one operation, each read in int8."""
    first, *others = ops.unstack(x, axis=1)
    return ops.stack([others[0], first], axis=1)


def result_of_a_result(x: Any) -> Any:
    """Both are read in int8."""
    cubes = ops.power(ops.tanh(x), 3)
    return layers.Conv2D(8, 1)(cubes) + layers.Conv2D(8, 1)(ops.exp(cubes))


def chain(seed: int) -> Callable[[Any], Any]:
    """Operations in float, each of one or two values before it; int8 reads some of them."""

    def change(x: Any) -> Any:
        random = np.random.default_rng(seed)
        values = [ops.sin(x)]
        for _ in range(int(random.integers(1, 4))):
            one, other = (values[int(place)] for place in random.integers(len(values), size=2))
            values.append(FLOATS[int(random.integers(len(FLOATS)))](one, other))
        read = [each for each in values[:-1] if random.random() < 0.6]
        return layers.Add()([layers.Conv2D(8, 1)(each) for each in (x, *read, values[-1])])

    return change


def variance_of_squares(x: Any) -> Any:
    """As E[x^2] - E[x]^2: the squares are large beside what is left of them."""
    mean, squares = (ops.mean(each, axis=(1, 2), keepdims=True) for each in (x, ops.square(x)))
    return x * (squares - ops.square(mean))


CHANGES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "layer normalization": (layers.LayerNormalization(), 1),
    "group normalization": (layers.GroupNormalization(4), 1),
    "unit normalization": (layers.UnitNormalization(), 1),
    "variance of squares": (variance_of_squares, 1),
    "gelu": (layers.Activation("gelu"), 1),
    "gelu by tanh": (lambda x: ops.gelu(x, approximate=True), 1),
    "threshold": (lambda x: ops.where(x > 0.1, x, x * 0.1), 1),
    "fused limit": (lambda x: ops.power(ops.clip(x, -1, 1), 3), 1),
    "two results": (rows_swapped, 2),
    "a result of a result": (result_of_a_result, 2),
    "convnext": (
        lambda x: (
            x + layers.Conv2D(8, 1)(ops.gelu(layers.Conv2D(16, 1)(layers.LayerNormalization()(x))))
        ),
        2,
    ),
}


@pytest.fixture(scope="module", params=sorted(CHANGES))
def made(request: pytest.FixtureRequest) -> tuple[Steps, int]:
    change, islands = CHANGES[request.param]
    return steps(model_of(change)), islands


def test_both_files_compute_the_float_model_to_within_int8(made: tuple[Steps, int]) -> None:
    found, islands = made
    assert len([op for op in found.quantized.graph.ops if op.kind is Kind.FLOAT]) == islands
    scores, step = tflite_scores(found)
    assert signal_to_noise_db(float_scores(found), scores) > 25
    # Floats of both engines are equal to 1e-6, so that ties decide: measured 0 in all of these.
    assert np.abs(np.rint((onnx_scores(found) - scores) / step)).max() <= 1


def test_an_onnx_has_every_result_of_an_island_that_it_reads_itself() -> None:
    """Translating compares the node's results with the kernels', for random values."""
    counts = []
    for seed in range(CHAINS):
        graph = float_graph(from_keras_model(model_of(chain(seed)), name="small"))
        check_islands(graph, full_int8=False, is_onnx=True)
        counts.append(sum(op.kind is Kind.FLOAT for op in graph.ops))
    assert max(counts) > 2
    assert sum(count > 1 for count in counts) > CHAINS / 2


def test_nothing_is_quantized_inside_of_an_island() -> None:
    found = steps(model_of(layers.LayerNormalization()))
    model = schema.ModelT.InitFromPackedBuf(emit_tflite(found.quantized), 0)
    names = [operator_name(model, operator) for operator in model.subgraphs[0].operators]
    first, last = names.index("DEQUANTIZE"), len(names) - names[::-1].index("QUANTIZE")
    assert names[first + 1 : last - 1] == list(found.quantized.graph.ops[1].floats().kinds)


def test_one_operation_is_written_once_for_all_of_its_results() -> None:
    found = steps(model_of(rows_swapped)).quantized
    model = schema.ModelT.InitFromPackedBuf(emit_tflite(found), 0)
    names = [operator_name(model, operator) for operator in model.subgraphs[0].operators]
    nodes = onnx.load_from_string(emit_onnx(found, {})).graph.node
    assert names.count("UNPACK") == [node.op_type for node in nodes].count("Split") == 1


def test_no_squares_are_rounded_in_front_of_an_island() -> None:
    """Rounded, they leave 27 dB of 41."""
    found = steps(model_of(variance_of_squares))
    assert [op.kind for op in found.quantized.graph.ops if op.kind in ELEMENTWISE] == []


def test_what_an_island_is_there_for_is_named() -> None:
    graph = float_graph(from_keras_model(model_of(layers.LayerNormalization()), name="small"))
    (island,) = [op.floats() for op in graph.ops if op.kind is Kind.FLOAT]
    assert [cause.kind for cause in island.causes] == [
        *("MEAN", "SQUARED_DIFFERENCE", "MEAN", "RSQRT")
    ]
    assert "mean over dimensions [3] of 4" in island.causes[0].found


def test_constants_are_computed_and_not_kept_as_operations() -> None:
    """extract_patches transposes a kernel of zeros and ones."""
    model = model_of(lambda x: ops.image.extract_patches(x, 4))
    graph = float_graph(from_keras_model(model, name="small"))
    assert not any(op.kind in (Kind.FLOAT, Kind.TRANSPOSE) for op in graph.ops)


def test_what_has_no_form_in_onnx_is_refused_for_the_onnx_alone(tmp_path: Any) -> None:
    real = Side(dtype="float32", scale=0)
    path = write_one_op(tmp_path, "SIGN", [real], real)
    known = read_tflite(path.read_bytes())
    check_islands(known, full_int8=False, is_onnx=True)
    options = schema.GeluOptionsT()
    sided = Side(dtype="float32", scale=0, shape=(1, 4, 4, 8))
    path = write_one_op(tmp_path, "STABLEHLO_CBRT", [sided], sided, options=options)
    known = read_tflite(path.read_bytes())
    check_islands(known, full_int8=False, is_onnx=False)
    with pytest.raises(QuantizationError, match=r"STABLEHLO_CBRT.*export with --format tflite"):
        check_islands(known, full_int8=False, is_onnx=True)


def test_an_operation_of_somebody_else_is_refused_by_its_name(tmp_path: Any) -> None:
    real = Side(dtype="float32", scale=0)
    path = write_one_op(tmp_path, "CUSTOM", [real], real, custom="FlexErf")
    with pytest.raises(QuantizationError, match=r"uses CUSTOM FlexErf.*--precision float32"):
        read_tflite(path.read_bytes())


def test_full_int8_refuses_what_stays_in_float_by_its_name() -> None:
    graph = float_graph(from_keras_model(model_of(layers.LayerNormalization()), name="small"))
    with pytest.raises(
        QuantizationError, match=r"mean over dimensions \[3\].*3 more.*leave --full-int8 out"
    ):
        check_islands(graph, full_int8=True, is_onnx=True)
    plain = float_graph(from_keras_model(model_of(lambda x: x), name="small"))
    check_islands(plain, full_int8=True, is_onnx=True)


def test_an_island_has_its_price_in_every_file(tmp_path: Path) -> None:
    """Of two operands, one of which is no image."""
    found = steps(
        model_of(lambda x: ops.power(x, 3) * layers.GlobalAveragePooling2D()(ops.exp(x)))
    ).quantized
    files = {"m.tflite": emit_tflite(found), "m.onnx": emit_onnx(found, {})}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    priced = price_islands(found, [tmp_path / name for name in files])
    assert {kind for island in priced for kind in island.kinds} >= {"POW", "EXP"}
    for island in priced:
        assert [price.artifact for price in island.prices] == list(files)
        assert all(0 < price.ms < 10 * price.whole_ms for price in island.prices)
    rows = islands_table(priced).rows
    assert len(rows) == len(files) * len(priced)
    assert rows[0][2:] == (
        "m.tflite",
        f"{priced[0].prices[0].ms:.3f} of {priced[0].prices[0].whole_ms:.3f}",
        "ReLU, sigmoid, tanh or ELU in its place",
    )
