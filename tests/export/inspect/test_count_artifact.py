"""An exported file is counted as the Keras model that it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, save_model
from PIL import Image
from tests.export.emit.one_op import Side, write_one_op

from strop.cli import main
from strop.export.inspect.count import Count, Role
from strop.export.inspect.count_artifact import count_artifact
from strop.export.inspect.count_keras import count_keras

SIZE, CLASSES = 32, 10
REALS = ("float32.tflite", "float32.onnx", "float16.tflite", "dynamic.tflite")
INT8 = ("int8.tflite", "int8.onnx")


@pytest.fixture(scope="module")
def net() -> keras.Model:
    """Convolutions of every role, one of them grouped, batch norm and a dense layer."""
    image = keras.Input((SIZE, SIZE, 3))
    # 16 channels: the .onnx fills others up to that in front of a depthwise convolution.
    x = keras.layers.Conv2D(16, 5, strides=2, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU(6)(keras.layers.BatchNormalization()(x))
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = keras.layers.ReLU(6)(keras.layers.BatchNormalization()(x))
    # Groups of fewer channels are merged up to 16 in the .onnx.
    x = keras.layers.Conv2D(32, 1)(x)
    x = keras.layers.Conv2D(32, 3, groups=2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(CLASSES)(x)
    return keras.Model(image, keras.layers.Softmax()(x), name="net")


@pytest.fixture(scope="module")
def exported(net: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counted")
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    for i in range(20):
        pixels = draw.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{i}.png")
    net.save(folder / "net.keras")
    words = ("--calibration-data", folder / "images", "-o", folder / "out")
    precisions = ("--precision", "int8,float32,float16,dynamic", "--effort", "fast")
    assert main(["export", *map(str, (folder / "net.keras", *words, *precisions))]) == 0
    return folder / "out"


def products(count: Count | None) -> list[tuple[Role, int, int, int]]:
    """What is known of every layer that multiplies."""
    assert count is not None
    return [
        (layer.role, layer.weights, layer.multiply_adds, layer.activations)
        for layer in count.layers
        if layer.multiply_adds
    ]


@pytest.mark.parametrize("name", [*REALS, *INT8])
def test_an_export_multiplies_as_often_as_its_model(
    net: keras.Model, exported: Path, name: str
) -> None:
    expected, found = products(count_keras(net)), products(count_artifact(exported / f"net.{name}"))
    if name in INT8:
        # Columns of the image are read as channels: the same weights with zeros between them.
        first, original = found.pop(0), expected.pop(0)
        assert (first[0], first[3]) == (original[0], original[3])
        assert first[1] > original[1]
        assert first[2] > original[2]
    assert found == expected


@pytest.mark.parametrize("name", INT8)
def test_of_a_batch_norm_a_bias_is_left(net: keras.Model, exported: Path, name: str) -> None:
    """Of the depthwise convolution: scale and shift of 16 channels, and a bias of 16 then."""
    (before,) = count_keras(net).of(Role.DEPTHWISE).layers
    count = count_artifact(exported / f"net.{name}")
    assert count is not None
    (after,) = count.of(Role.DEPTHWISE).layers
    assert (before.parameters, after.parameters) == (144, 160)


def test_inspect_prints_the_counts_and_every_layer(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported / "net.int8.tflite"
    assert main(["inspect", str(path), "--layers"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith("depthwise 1 160 ") for line in lines)
    assert any("depthwise 3x3 16x16x16 160 0.037" in line for line in lines)
    assert main(["inspect", str(path), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    found = count_artifact(path)
    assert found is not None
    assert counts["multiply_adds"] == found.multiply_adds
    assert counts["roles"]["depthwise"]["parameters"] == 160


def test_what_the_file_does_not_tell_is_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transposed = write_one_op(
        *(tmp_path, "TRANSPOSE_CONV"),
        [Side(), Side(shape=(8, 3, 3, 8)), Side()],
        Side(),
        options=schema.TransposeConvOptionsT(),
    )
    assert count_artifact(transposed) is None
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "rows", 4]) for name in "xy"
    ]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 4], [0.0] * 16)
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([product], "open", values[:1], values[1:], [weights])
    path = tmp_path / "open.onnx"
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    assert count_artifact(path) is None
