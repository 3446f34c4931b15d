"""What goes along for OpenCV and OpenVINO, and what TensorRT's rules refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image
from tests.export.consumers.test_catalogue import LABELS, options, source
from tests.export.graphs import mobile_block, mobile_steps, steps

from strop.export.consumers import opencv, openvino
from strop.export.consumers.consumer import Consumer, Delivery
from strop.export.consumers.example import CENTRE
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.tensorrt_rules import check_tensorrt
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.write import EMITTERS
from strop.export.options.choices import OnnxInput
from strop.runtime.errors import ConsumerError

WITH_EXAMPLE = (opencv.CONSUMER, openvino.CONSUMER)


def delivery(folder: Path, consumer: Consumer) -> Delivery:
    return Delivery(
        folder=folder,
        paths=(folder / "it's a model.onnx",),
        source=source(),
        options=options(consumer),
        environment=None,
    )


@pytest.mark.parametrize("consumer", WITH_EXAMPLE, ids=lambda each: each.name)
def test_the_example_is_python_that_names_the_file_and_the_labels(
    consumer: Consumer, tmp_path: Path
) -> None:
    found = consumer.deliver(delivery(tmp_path, consumer))
    assert {path.name for path in found.files} == {"labels.txt", "classify.py"}
    text = (tmp_path / "classify.py").read_text()
    compile(text, "classify.py", "exec")
    assert '"it\'s a model.onnx"' in text
    assert (tmp_path / "labels.txt").read_text().split() == list(LABELS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("consumer", WITH_EXAMPLE, ids=lambda each: each.name)
def test_the_example_names_an_image(consumer: Consumer, channels: int, tmp_path: Path) -> None:
    environment = environment_of(consumer)
    if environment is None:
        pytest.skip(why_not_here(consumer, environment))
    made = steps(net(channels))
    asked = delivery(tmp_path, consumer)
    asked = replace(asked, source=replace(asked.source, channels=channels, height=24, width=24))
    emit = EMITTERS[asked.options.onnx_form]
    asked.paths[0].write_bytes(emit(made.quantized, {}, asked.options.onnx_input))
    consumer.deliver(asked)
    Image.new("RGB", (60, 40), (200, 30, 90)).save(tmp_path / "image.png")
    call = [str(environment.python), "classify.py", "image.png"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] in LABELS


def net(channels: int) -> keras.Model:
    image = keras.Input((24, 24, channels))
    found = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu")(image)
    mean = keras.layers.GlobalAveragePooling2D()(found)
    return keras.Model(image, keras.layers.Dense(len(LABELS))(mean))


def test_its_window_is_what_the_crop_rule_keeps() -> None:
    names: dict[str, Any] = {"height": 500, "width": 400}
    exec(CENTRE.format(fraction=0.875, height=224, width=224), names)
    # The shorter side becomes 256 pixels, of which the middle 224 stay.
    assert (names["left"], names["right"]) == (25, 375)
    assert (names["top"], names["bottom"]) == (75, 425)


@pytest.fixture(scope="module")
def symmetric() -> onnx.ModelProto:
    made = steps(mobile_block(), is_symmetric=True)
    return onnx.load_from_string(emit_onnx(made.quantized, {}, OnnxInput.FLOAT_NCHW))


def checked(model: onnx.ModelProto, folder: Path) -> bool:
    path = folder / "m.onnx"
    onnx.save(model, path)
    return check_tensorrt(path)


def test_a_symmetric_file_is_what_tensorrt_takes(
    symmetric: onnx.ModelProto, tmp_path: Path
) -> None:
    assert checked(symmetric, tmp_path)
    fixed = onnx.ModelProto()
    fixed.CopyFrom(symmetric)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    assert not checked(fixed, tmp_path)


def test_the_usual_file_is_not(tmp_path: Path) -> None:
    usual = onnx.load_from_string(emit_onnx(mobile_steps().quantized, {}))
    with pytest.raises(ConsumerError, match=r"zero points are uint8 \[\d+\]; .* needs int8 0"):
        checked(usual, tmp_path)


def _constant(model: onnx.ModelProto, at: int, values: Any) -> None:
    """Give the last dequantizer another constant."""
    node = [each for each in model.graph.node if each.op_type == "DequantizeLinear"][-1]
    node.input[at] = "planted"
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), "planted"))


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda model: _constant(model, 2, np.int8(3)), r"zero points are int8 \[3\]; .* int8 0"),
        (lambda model: _constant(model, 1, np.float32(0)), "a scale of 0; .* scales above 0"),
        (lambda model: _constant(model, 0, np.zeros(3, np.int32)), "dequantizes int32; .* int8"),
        (lambda model: _constant(model, 1, np.ones(7, np.float32)), "7 scales for an activation"),
        (lambda model: model.graph.node[3].input.pop(), "is no constant; .* both"),
        (lambda model: setattr(model.graph.node[0], "domain", "x"), "an operation of x; .* ONNX"),
    ],
)
def test_a_quantizer_that_it_does_not_take_is_named(
    symmetric: onnx.ModelProto,
    damage: Callable[[onnx.ModelProto], object],
    match: str,
    tmp_path: Path,
) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(symmetric)
    damage(model)
    with pytest.raises(ConsumerError, match=match):
        checked(model, tmp_path)
