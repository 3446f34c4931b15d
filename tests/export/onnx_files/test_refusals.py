"""What strop does not take of an .onnx is named in one line: node, operator, what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.export.onnx_files.networks import CLASSES, Net
from tests.export.onnx_files.test_layers import net_of, saved

from strop.export.frontend.convert import convert, float_graph
from strop.export.frontend.source_decision import source_decision
from strop.export.options.choices import Precision
from strop.export.source.source import load_model_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import SourceError

Change = Callable[[onnx.ModelProto], None]


def ending(add: Callable[[Net, str], str], **ends: object) -> onnx.ModelProto:
    """A model with something behind its scores."""
    net = Net()
    return net.model(add(net, net.scores(net.conv("image", 3, 4), 4)), **ends)  # type: ignore[arg-type]


def branch(net: Net, x: str) -> str:
    result = helper.make_tensor_value_info("inner", TensorProto.FLOAT, (1, CLASSES))
    inner = helper.make_graph([helper.make_node("Identity", [x], ["inner"])], "b", [], [result])
    return net.add("If", net.constant(True, np.bool_), then_branch=inner, else_branch=inner)


def changed(change: Change) -> onnx.ModelProto:
    model = net_of("relu", 17)
    change(model)
    return model


def of_a_domain(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 3)))


def loop(net: Net, x: str) -> str:
    kinds = {"i": TensorProto.INT64, "go": TensorProto.BOOL, "x": TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "body", inputs, inputs[1:])
    body.output[1].name = "y"
    return net.add("Loop", net.constant(3, np.int64), "", x, body=body)


def own_statistics(net: Net, x: str) -> str:
    numbers = [net.drawn(CLASSES) for _ in range(4)]
    return net.add_all("BatchNormalization", x, *numbers, count=3, training_mode=1)[0]


def function(model: onnx.ModelProto) -> None:
    twice = helper.make_node("Add", ["x", "x"], ["y"])
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "Twice", ["x"], ["y"], [twice], opsets))


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def lost_weights(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[1] = "lost"


def of_no_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 99


def name_of_two_lines(model: onnx.ModelProto) -> None:
    model.graph.node[0].name = "one\ntwo"


def as_sequence(model: onnx.ModelProto) -> None:
    sequence = helper.make_tensor_sequence_value_info("image", TensorProto.FLOAT, (1, 3, 12, 12))
    model.graph.input[0].CopyFrom(sequence)


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def kept_elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def nan_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    values = numpy_helper.to_array(tensor).copy()
    values[0, 0, 0, 0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def too_few_values(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.raw_data = tensor.raw_data[:8]


def as_text(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def side(at: int, value: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[at].dim_value = value

    return change


def open_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def huge(net: Net, x: str) -> str:
    sides = net.integers(1 << 20, 1 << 20)
    return net.add("Mul", x, net.add("ReduceSum", net.add("ConstantOfShape", sides)))


CASES: dict[str, tuple[onnx.ModelProto, str]] = {
    "control flow": (ending(branch), r"layer/\d+ is If; .*control flow; write it out"),
    "a custom domain": (changed(of_a_domain), r"layer/1 is Relu; an operator of com\.example"),
    "quantized": (
        ending(lambda net, x: net.add("QuantizeLinear", x, net.constant(0.1))),
        "is QuantizeLinear; this model is quantized already.*give that",
    ),
    "random": (
        ending(lambda net, x: net.add("RandomNormalLike", x)),
        "is RandomNormalLike; .*export it for inference",
    ),
    "a loop": (ending(loop), r"layer/\d+ is Loop; .*control flow; write it out"),
    "a function": (
        changed(function),
        "1 functions of its own, Twice first; .*inline_local_functions",
    ),
    "a training graph": (changed(training), "holds a training graph; export it for inference"),
    "statistics of its own": (
        ending(own_statistics),
        r"is BatchNormalization: it computes its own statistics; .*model\.eval\(\)",
    ),
    "dropout that drops": (
        ending(
            lambda net, x: net.add("Dropout", x, net.constant(0.5), net.constant(True, np.bool_))
        ),
        r"is Dropout: it drops values at random; .*model\.eval\(\)",
    ),
    "places that depend on the picture": (
        ending(lambda net, x: net.add("Gather", x, net.add("NonZero", x))),
        "is NonZero: an operator that strop does not read",
    ),
    "weights that are computed": (
        ending(
            lambda net, x: net.add("Conv", "image", net.add("Reshape", x, net.integers(5, 1, 1, 1)))
        ),
        "is Conv: its weights are computed from the picture; needed are constants",
    ),
    "a transposed convolution in groups": (
        ending(lambda net, x: net.add("ConvTranspose", "image", net.drawn(3, 2, 3, 3), group=3)),
        "is ConvTranspose: with groups; strop reads those with strides, pads and output_padding",
    ),
    "more at the end than padding": (
        ending(
            lambda net, x: net.add(
                "ConvTranspose",
                "image",
                net.drawn(3, 2, 2, 2),
                strides=[2, 2],
                output_padding=[1, 1],
            )
        ),
        r"pads \(0, 0, 0, 0\) and output_padding \(1, 1\); the padding at the end has to be",
    ),
    "windows in the batch": (
        ending(
            lambda net, x: net.conv(net.add("Reshape", "image", net.integers(4, 3, 6, 6)), 3, 3)
        ),
        r"is Conv: its input has 4 pictures, \(4, 3, 6, 6\); strop computes one at a time",
    ),
    "padding with -inf": (
        ending(lambda net, x: net.add("Pad", x, net.integers(0, 1, 0, 0), net.constant(-np.inf))),
        "is Pad: padding with -inf; strop pads with finite numbers",
    ),
    "weights that are missing": (
        changed(lost_weights),
        "layer/0 is Conv: nothing in the file gives its input 1; export the model again",
    ),
    "a side below one": (
        ending(lambda net, x: net.add("Tile", x, net.integers(-1, -1))),
        r"is Tile: its result is -1x-5; strop takes 1 to \d+ numbers",
    ),
    "a type that there is none of": (
        changed(of_no_type),
        "input image is of type 99; needed is float32, or uint8",
    ),
    "a name of two lines": (changed(name_of_two_lines), "a name in it is no text; it is damaged"),
    "sequences": (changed(as_sequence), "input image is a sequence; needed is one picture"),
    "sparse weights": (changed(sparse), "holds sparse weights; store them as plain tensors"),
    "an unknown operator": (
        ending(lambda net, x: net.add("Asin", x)),
        r"layer/\d+ is Asin: an operator that strop does not read; replace the layer",
    ),
    "a shape that depends on the picture": (
        ending(lambda net, x: net.add("Reshape", x, net.add("Cast", x, to=TensorProto.INT64))),
        "is Cast: a cast to data type 7; needed is float32 all along",
    ),
    "two inputs": (changed(second_input), r"2 inputs \(image, mask\), needed is one"),
    "external data": (changed(kept_elsewhere), "kept in another file.*join them"),
    "weights that are not finite": (changed(nan_weights), "1 of 216 weights of constant_0 are NaN"),
    "weights that are cut": (changed(too_few_values), "constant_0 do not fit its shape"),
    "text": (changed(as_text), "input image is string; needed is float32, or uint8"),
    "no picture": (changed(side(1, 7)), r"image is \(\?, 7, 12, 12\); pictures have 1"),
    "a fixed batch": (changed(side(0, 8)), "batch fixed to 8 images; export it with one"),
    "an open size": (changed(open_side), r"its size left open; pass --size HxW"),
    "a constant of terabytes": (ending(huge), "ConstantOfShape: a constant of 1048576x1048576"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_model_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    model, said = CASES[name]
    with pytest.raises(SourceError, match=said) as raised:
        load_model_file(saved(model, tmp_path))
    assert "\n" not in str(raised.value)


def test_an_opset_that_strop_does_not_read_is_named(tmp_path: Path) -> None:
    model = net_of("relu", 17)
    model.opset_import[0].version = 8
    with pytest.raises(SourceError, match=r"opset 8; strop reads 9 to \d+: export it again"):
        load_model_file(saved(model, tmp_path))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    content = net_of("relu", 17).SerializeToString()
    path = tmp_path / "net.onnx"
    for end in range(1, len(content), 97):
        path.write_bytes(content[:end])
        with pytest.raises(SourceError, match=r"net\.onnx"):
            load_model_file(path)


def test_bytes_that_are_changed_end_in_an_error_or_in_the_model(tmp_path: Path) -> None:
    content = bytearray(net_of("gate of rows", 17).SerializeToString())
    random = np.random.default_rng(0)
    path = tmp_path / "net.onnx"
    refused = 0
    for _ in range(100):
        damaged = content.copy()
        for at in random.integers(0, len(content), 3):
            damaged[at] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            load_model_file(path)
        except SourceError:
            refused += 1
    assert 0 < refused < 100


def test_an_open_size_is_given(tmp_path: Path) -> None:
    net = Net()
    model = net.model(net.scores(net.conv("image", 3, 4), 4), sides=("height", "width"))
    source = load_model_file(saved(model, tmp_path), size=(20, 16))
    assert (source.height, source.width, source.classes) == (20, 16, CLASSES)
    assert source.forward(np.zeros((2, 20, 16, 3))).shape == (2, CLASSES)


def test_channels_may_come_last(tmp_path: Path) -> None:
    net = Net()
    output = net.scores(net.conv(net.add("Transpose", "image", perm=[0, 3, 1, 2]), 3, 4), 4)
    model = net.model(output)
    for at, value in enumerate((12, 12, 3), 1):
        model.graph.input[0].type.tensor_type.shape.dim[at].dim_value = value
    source = load_model_file(saved(model, tmp_path))
    kinds = [op.kind.name for op in float_graph(source).ops]
    assert kinds == ["CONV", "MEAN", "RESHAPE", "DENSE"]


@pytest.mark.parametrize(
    ("kind", "task"),
    [("Softmax", Task.CLASSIFY), ("Sigmoid", Task.MULTILABEL), ("Abs", Task.CLASSIFY)],
)
def test_the_end_of_an_onnx_says_the_task(kind: str, task: Task, tmp_path: Path) -> None:
    source = load_model_file(saved(ending(lambda net, x: net.add(kind, x)), tmp_path))
    assert source_decision(source).task is task


def test_int8_weights_of_tensorflows_converter_are_refused(tmp_path: Path) -> None:
    source = load_model_file(saved(net_of("relu", 17), tmp_path))
    with pytest.raises(SourceError, match="writes dynamic, and it does not read files of other"):
        convert(source, Precision.DYNAMIC)


READ = """
import sys
from strop.export.frontend.convert import float_graph
from strop.export.source.source import load_model_file
float_graph(load_model_file(sys.argv[1]))
sys.exit(42 * any(name in sys.modules for name in ("tensorflow", "keras", "tf2onnx")))
"""


def test_an_onnx_is_read_without_tensorflow(tmp_path: Path) -> None:
    path = saved(net_of("swish", 17), tmp_path)
    assert subprocess.run([sys.executable, "-c", READ, str(path)], check=False).returncode == 0
