"""Float files of other programs that give the class of each pixel: the argmax is left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.convert import convert, read_converted
from strop.export.frontend.source_decision import endings
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array
from strop.export.ir.tflite_bytes import packed, unpacked
from strop.export.ir.tflite_file import TfliteFile
from strop.export.source.source import load_model_file
from strop.runtime.artifact.contract import Activation
from strop.runtime.errors import SourceError

SIDES, CLASSES = (6, 4), 5
Ending = list[tuple[str, dict[str, Any]]]
ONNX_ENDINGS: dict[str, tuple[Ending, Activation]] = {
    "torch's": ([("ArgMax", {"axis": 1, "keepdims": 0})], Activation.NONE),
    "kept side": ([("ArgMax", {"axis": -3}), ("Cast", {"to": 6})], Activation.NONE),
    "behind a softmax": ([("Softmax", {"axis": 1}), ("ArgMax", {"axis": 1})], Activation.SOFTMAX),
    "channels last": (
        [
            ("Transpose", {"perm": [0, 2, 3, 1]}),
            ("Softmax", {"axis": 3}),
            ("ArgMax", {"axis": -1, "keepdims": 0}),
            ("Cast", {"to": 1}),
        ],
        Activation.SOFTMAX,
    ),
}


@pytest.fixture(scope="module")
def pictures() -> Array:
    drawn = np.random.default_rng(3).integers(0, 256, (2, *SIDES, 3))
    found: Array = drawn.astype(np.float32)
    return found


@pytest.fixture(scope="module")
def weights() -> Array:
    found: Array = np.random.default_rng(1).normal(0, 0.02, (CLASSES, 3)).astype(np.float32)
    return found


def onnx_file(path: Path, weights: Array, ending: Ending) -> Path:
    nodes = [onnx.helper.make_node("Conv", ["image", "weights"], ["0"], kernel_shape=[1, 1])]
    for place, (kind, attributes) in enumerate(ending):
        nodes.append(onnx.helper.make_node(kind, [f"{place}"], [f"{place + 1}"], **attributes))
    nodes[-1].output[0] = "labels"
    kind, attributes = ending[-1]
    dtype = attributes["to"] if kind == "Cast" else onnx.TensorProto.INT64
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            "net",
            [onnx.helper.make_tensor_value_info("image", 1, ("N", 3, *SIDES))],
            [onnx.helper.make_tensor_value_info("labels", dtype, None)],
            [onnx.numpy_helper.from_array(weights[:, :, None, None], "weights")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    return path


def tflite_file(path: Path, weights: Array, *, axis: int = -1, is_cast: bool = False) -> Path:
    file = TfliteFile()
    image, scores = (file.tensor(name, (1, *SIDES, n)) for name, n in (("image", 3), ("map", 5)))
    conv = schema.Conv2DOptionsT()
    conv.strideH = conv.strideW = conv.dilationHFactor = conv.dilationWFactor = 1
    kernel = file.constant("kernel", weights.reshape(CLASSES, 1, 1, 3))
    file.operation("CONV_2D", (image, kernel, file.constant("b", np.zeros(5))), (scores,), conv)
    shape = (1, *SIDES) if axis in (-1, 3) else (1, SIDES[0], CLASSES)
    labels = file.tensor("labels", shape)
    options = schema.ArgMaxOptionsT()
    options.outputType = schema.TensorType.INT32
    axes = file.constant("axis", np.array(axis, np.int32))
    file.operation("ARG_MAX", (scores, axes), (labels,), options)
    if is_cast:
        floats = file.tensor("floats", shape)
        file.operation("CAST", (labels,), (floats,), schema.CastOptionsT())
    model = unpacked(file.packed([image], [floats if is_cast else labels]))
    model.subgraphs[0].tensors[labels].type = schema.TensorType.INT32
    path.write_bytes(packed(model))
    return path


def is_the_scores(path: Path, pictures: Array, weights: Array, ending: Activation) -> None:
    source = load_model_file(path)
    assert source.shapes == ((*SIDES, CLASSES),)
    assert endings(source) == (ending,)
    expected = np.einsum("nhwc,dc->nhwd", pictures, weights)
    if ending is Activation.SOFTMAX:
        powers = np.exp(expected - expected.max(axis=-1, keepdims=True))
        expected = powers / powers.sum(axis=-1, keepdims=True)
    graph = read_converted(convert(source), name="net")
    for found in (source.scores(pictures), execute(graph, pictures)):
        np.testing.assert_allclose(found, expected.reshape(2, -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ending", ONNX_ENDINGS)
def test_an_onnx_that_gives_classes_is_read_up_to_its_scores(
    tmp_path: Path, pictures: Array, weights: Array, ending: str
) -> None:
    nodes, activation = ONNX_ENDINGS[ending]
    path = onnx_file(tmp_path / "net.onnx", weights, nodes)
    is_the_scores(path, pictures, weights, activation)


@pytest.mark.parametrize("is_cast", [False, True])
def test_a_tflite_that_gives_classes_is_read_up_to_its_scores(
    tmp_path: Path, pictures: Array, weights: Array, is_cast: bool
) -> None:
    path = tflite_file(tmp_path / "net.tflite", weights, is_cast=is_cast)
    is_the_scores(path, pictures, weights, Activation.NONE)


def _last_of_equal(folder: Path, weights: Array) -> Path:
    ending: Ending = [("ArgMax", {"axis": 1, "select_last_index": 1})]
    return onnx_file(folder / "net.onnx", weights, ending)


def _over_columns(folder: Path, weights: Array) -> Path:
    return tflite_file(folder / "net.tflite", weights, axis=2)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (_last_of_equal, "labels is ArgMax: an operator that strop does not read"),
        (_over_columns, r"output labels int32 \(1, 6, 5\); needed are float32 scores"),
    ],
)
def test_another_argmax_is_refused_by_name(
    tmp_path: Path, weights: Array, made: Callable[[Path, Array], Path], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        load_model_file(made(tmp_path, weights))


def test_classes_that_are_not_those_of_the_scores_are_refused(
    tmp_path: Path, pictures: Array, weights: Array
) -> None:
    """The certificate is against the user's own file: its classes are looked at."""
    ending: Ending = [("ArgMax", {"axis": 1}), ("Cast", {"to": onnx.TensorProto.BOOL})]
    source = load_model_file(onnx_file(tmp_path / "net.onnx", weights, ending))
    with pytest.raises(SourceError, match="its argmax gives other classes than the highest of its"):
        source.scores(pictures)
