"""What goes along for OpenCV and OpenVINO, and what TensorRT's rules refuse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
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
from strop.export.consumers.example import CENTRE, _lines
from strop.export.consumers.output_rules import OutputRule
from strop.export.consumers.presence import environment_of, why_not_here
from strop.export.consumers.tensorrt_rules import check_tensorrt
from strop.export.emit.onnx import emit_onnx
from strop.export.emit.write import Int8, contract_of, write_int8
from strop.export.options.choices import OnnxInput
from strop.export.options.options import ExportOptions
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.decision import decide
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


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("consumer", WITH_EXAMPLE, ids=lambda each: each.name)
def test_the_example_names_an_image(consumer: Consumer, channels: int, tmp_path: Path) -> None:
    environment = environment_of(consumer)
    if environment is None:
        pytest.skip(why_not_here(consumer, environment))
    asked = delivery(tmp_path, consumer)
    sized = replace(asked.source, channels=channels, height=24, width=24)
    asked = replace(asked, source=sized, paths=(written(asked.options, net(channels), tmp_path),))
    found = consumer.deliver(asked)
    assert {path.name for path in found.files} == {"labels.txt", "classify.py"}
    assert (tmp_path / "labels.txt").read_text().split() == list(LABELS)
    assert '"it\'s a model.onnx"' in (tmp_path / "classify.py").read_text()
    Image.new("RGB", (60, 40), (200, 30, 90)).save(tmp_path / "image.png")
    call = [str(environment.python), "classify.py", "image.png"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] in LABELS


def written(options: ExportOptions, model: keras.Model, folder: Path) -> Path:
    """An .onnx of the model, with a contract and a name that has to be quoted."""
    made = steps(model)
    int8 = Int8(quantized=made.quantized, contract=contract_of(made.source, options))
    (path,) = write_int8(folder, made.source, options, int8)
    return path.rename(folder / "it's a model.onnx")


def net(channels: int) -> keras.Model:
    image = keras.Input((24, 24, channels))
    found = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu")(image)
    mean = keras.layers.GlobalAveragePooling2D()(found)
    return keras.Model(image, keras.layers.Dense(len(LABELS))(mean))


def said(task: Task, activation: Activation, scores: Sequence[float], labels: str = "") -> str:
    """What the lines of the example print of one output."""
    decision = decide(len(scores), activation, task=task, where="here")
    rule = OutputRule(name="x", decision=decision, labels=tuple(labels), gives_probabilities=False)
    program = "\n".join(_lines([rule, rule], has_labels=bool(labels)))
    program = program.replace("json.load(open('labels.json', encoding=\"utf-8\"))", "known")
    printed: list[str] = []
    names = {
        "results": [np.array([scores], np.float32)] * 2,
        "known": {"x": list(labels)},
        "print": lambda *words: printed.append(" ".join(map(str, words))),
    }
    exec(program, names)
    assert printed[0] == printed[1]
    return printed[0].removeprefix("x").strip()


def test_the_example_says_each_task_as_strop_run_does() -> None:
    assert said(Task.CLASSIFY, Activation.SOFTMAX, (1, 3, 2), "abc") == "b"
    assert said(Task.CLASSIFY, Activation.SOFTMAX, (1, 3, 2)) == "1"
    assert said(Task.MULTILABEL, Activation.SIGMOID, (1, -3, 0), "abc") == "a c"
    assert said(Task.BINARY, Activation.SIGMOID, (-1,), "ab") == "a"
    assert said(Task.BINARY, Activation.SIGMOID, (1,), "b") == "b"
    assert said(Task.REGRESS, Activation.NONE, (1.5, -2), "ab") == "a 1.5 b -2"
    assert said(Task.EMBED, Activation.L2, (3, 4)) == "0.6 0.8"


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
