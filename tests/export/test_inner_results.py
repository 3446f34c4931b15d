"""A result inside of an .onnx or a .tflite can be an output: of a detector, what is joined last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.test_layers import assert_same_function
from tests.export.tflite_files.nets import CLASSES, SIDE, WIDTH, plain, saved

from strop.export.source.source import Source, load_model_file
from strop.runtime.errors import SourceError


def onnx_file(folder: Path) -> tuple[Path, str]:
    """A network that ends in a dense layer, and the name of what this reads."""
    net = Net(opset=17, seed=0)
    model = net.model(net.scores(net.conv("image", 3, WIDTH), WIDTH))
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    (dense,) = [node for node in model.graph.node if node.op_type == "Gemm"]
    return path, dense.input[0]


def images_of(source: Source) -> np.ndarray:
    shape = (3, source.height, source.width, source.channels)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def test_a_result_of_a_tflite_is_an_output(tmp_path: Path) -> None:
    path = saved(plain(), tmp_path)
    whole, inner = load_model_file(path), load_model_file(path, outputs=("pooled",))
    assert inner.outputs == ("pooled",)
    assert_same_function(inner)
    images = images_of(whole)
    model = load_model_file(path, outputs=("pooled", "scores"))
    assert model.outputs == ("scores", "pooled")
    both = model.scores(images)
    assert both.shape == (3, CLASSES + WIDTH)
    np.testing.assert_allclose(both[:, CLASSES:], inner.scores(images), rtol=1e-5)
    np.testing.assert_allclose(both[:, :CLASSES], whole.scores(images), rtol=1e-4, atol=1e-4)
    assert whole.width == SIDE


def test_a_result_of_an_onnx_is_an_output(tmp_path: Path) -> None:
    path, name = onnx_file(tmp_path)
    whole, inner = load_model_file(path), load_model_file(path, outputs=(name,))
    assert inner.outputs == (name,)
    assert_same_function(inner)
    model = onnx.load(path)
    (dense,) = [node for node in model.graph.node if node.op_type == "Gemm"]
    weights, bias = (
        onnx.numpy_helper.to_array(each)
        for wanted in dense.input[1:]
        for each in model.graph.initializer
        if each.name == wanted
    )
    images = images_of(whole)
    is_turned = any(each.name == "transB" and each.i for each in dense.attribute)
    expected = inner.scores(images) @ (weights.T if is_turned else weights) + bias
    np.testing.assert_allclose(whole.scores(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["kernel", "image", "nothing"])
def test_what_is_no_result_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"no output is called '{name}'; it has scores"):
        load_model_file(saved(plain(), tmp_path), outputs=(name,))
