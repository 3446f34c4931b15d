"""An .onnx and the float .tflite that is written of it are the same function, layer by layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from tests.export.onnx_files.enlarged import ENLARGED
from tests.export.onnx_files.layers import LAYERS, SINCE, WIDTH
from tests.export.onnx_files.networks import Net
from tests.export.onnx_files.timm_layers import TIMM

from strop.export.ir.graph import Array
from strop.export.source.source import Source, load_model_file

ALL = LAYERS | ENLARGED | TIMM
OPSETS = (9, 11, 13, 17, 21)
MEAN, STD = (120.0, 110.0, 100.0), (60.0, 50.0, 55.0)
ROUNDING = 2e-5  # of the largest score; float32's sums of some hundred products


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def net_of(name: str, opset: int, seed: int = 0) -> onnx.ModelProto:
    """A convolution, the layer, and what makes scores of it."""
    net = Net(opset=opset, seed=seed)
    x, channels = ALL[name](net, net.conv("image", 3, WIDTH))
    return net.model(net.scores(net.conv(x, channels, 6, 1), 6))


def by_litert(tflite: bytes, images: Array) -> Array:
    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    (image,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for one in images:
        interpreter.set_tensor(image["index"], one[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result["index"])[0])
    return np.stack(rows)


def assert_same_function(source: Source) -> None:
    shape = (2, source.height, source.width, source.channels)
    images = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)
    expected = source.forward(images)
    assert source.tflite is not None
    found = by_litert(source.tflite, images)
    assert np.abs(found - expected).max() <= ROUNDING * max(np.abs(expected).max(), 1.0)


@pytest.mark.parametrize("name", ALL)
def test_a_layer_is_the_same_function(name: str, tmp_path: Path) -> None:
    opsets = [
        opset
        for opset in OPSETS
        if opset >= SINCE.get(name, 11 if name.startswith("bilinear") else 0)
    ]
    for opset in opsets:
        path = saved(net_of(name, opset), tmp_path)
        assert_same_function(load_model_file(path, mean=MEAN, std=STD))
