"""Outputs that are maps: their shapes, whatever file the model is from."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from strop.export.frontend.convert import convert, read_converted
from strop.export.frontend.source_decision import source_decision
from strop.export.ir.execute import execute
from strop.export.ir.graph import Array
from strop.export.ir.outputs import output_names
from strop.export.source.source import from_keras_model, load_model_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import ContractError

SIDES = (6, 4)
CLASSES = 3


@pytest.fixture(scope="module")
def pictures() -> Array:
    drawn = np.random.default_rng(3).integers(0, 256, (2, *SIDES, 3))
    found: Array = drawn.astype(np.float32)
    return found


def nchw_file(path: Path, weights: Array) -> Path:
    """A convolution as PyTorch writes it: channels first, in and out."""
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Conv", ["image", "weights"], ["map"], kernel_shape=[1, 1])],
            "net",
            [onnx.helper.make_tensor_value_info("image", 1, ("N", 3, *SIDES))],
            [onnx.helper.make_tensor_value_info("map", 1, ("N", CLASSES, *SIDES))],
            [onnx.numpy_helper.from_array(weights, "weights")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    return path


def test_a_map_has_its_channels_last_whatever_it_is_read_from(
    tmp_path: Path, pictures: Array
) -> None:
    image = keras.Input((*SIDES, 3))
    network = keras.Model(image, keras.layers.Conv2D(CLASSES, 1, use_bias=False)(image))
    (weights,) = network.get_weights()
    of_keras = from_keras_model(network, name="net")
    tflite = tmp_path / "net.tflite"
    tflite.write_bytes(convert(of_keras))
    of_onnx = load_model_file(nchw_file(tmp_path / "net.onnx", weights.transpose(3, 2, 0, 1)))
    expected = np.einsum("nhwc,cd->nhwd", pictures, weights[0, 0]).reshape(2, -1)
    for source in (of_keras, load_model_file(tflite), of_onnx):
        assert source.shapes == ((*SIDES, CLASSES),)
        assert source.sizes == (source.classes,) == (SIDES[0] * SIDES[1] * CLASSES,)
        graph = read_converted(convert(source), name="net")
        assert [graph.tensors[name].shape for name in output_names(graph)] == [(1, *SIDES, CLASSES)]
        for found in (source.scores(pictures), execute(graph, pictures)):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)
        decision = source_decision(source, task=Task.SEGMENT)
        assert (decision.shape, decision.scores) == (source.shapes[0], source.classes)
        for task in (None, Task.CLASSIFY, Task.REGRESS):
            with pytest.raises(ContractError, match=r"an image has \[6, 4, 3\] numbers"):
                source_decision(source, task=task)
