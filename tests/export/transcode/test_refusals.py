from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.export.emit.one_op import Side, write_one_op
from tests.export.transcode.random_int8 import EXACT, RandomNetwork, tflite_of

from strop.export.options.choices import Input, ResultType
from strop.export.transcode.transcode import transcode
from strop.runtime.errors import ArtifactError, StropError

CODES, FLOATS = Side(), Side(dtype="float32", scale=0.0)
CHANNELS = Side(shape=(1, 1, 1, 8), values=tuple(range(1, 9)))


@pytest.mark.parametrize(
    ("kind", "inputs", "result", "options", "text"),
    [
        ("RSQRT", [CODES], CODES, None, "side1: RSQRT has no int8 form"),
        ("CUSTOM", [CODES], CODES, None, "side1: the model uses CUSTOM Detection"),
        ("LOGISTIC", [FLOATS], FLOATS, None, "side1: LOGISTIC computes in float.*statically"),
        ("DIV", [CODES, CHANNELS], CODES, schema.DivOptionsT(), "side2: DIV, which the other"),
        (
            "MAXIMUM",
            [CODES, CHANNELS],
            CODES,
            schema.MaximumMinimumOptionsT(),
            "side2: MAXIMUM, which the other format has as several operations",
        ),
        (
            "CONCATENATION",
            [CODES, CODES],
            Side(shape=(2, 4, 4, 8)),
            schema.ConcatenationOptionsT(),
            "of a constant; transcode takes constants in sums",
        ),
        ("RELU", [Side(scale=-1.0)], CODES, None, r"side0: scales \[-1.0\]; needed are numbers"),
        ("RELU", [CODES], Side(scale=float("inf")), None, r"side1: scales \[inf\]"),
        ("RELU", [Side(zero_point=200)], CODES, None, "side0: zero point 200 is no int8 code"),
    ],
)
def test_what_the_other_format_has_not_is_refused_by_name(
    kind: str, inputs: list[Side], result: Side, options: object, text: str, tmp_path: Path
) -> None:
    path = write_one_op(
        tmp_path, kind, inputs, result, options=options, custom="Detection" * (kind == "CUSTOM")
    )
    with pytest.raises(ArtifactError, match=text):
        transcode(path)


def quantized(**changes: object) -> onnx.ModelProto:
    """A convolution between quantizers, as the keywords change it.

    Args:
        changes: Values of `constants` by name.
    """
    constants = {
        "s": np.float32(0.1),
        "z": np.uint8(3),
        "ws": np.float32(0.02),
        "wz": np.int8(0),
        "w": np.arange(12).reshape(4, 3, 1, 1).astype(np.int8),
        "s2": np.float32(0.2),
        "z2": np.uint8(0),
        **changes,
    }
    nodes = [
        ("QuantizeLinear", ["image", "s", "z"], "codes"),
        ("DequantizeLinear", ["codes", "s", "z"], "real"),
        ("DequantizeLinear", ["w", "ws", "wz"], "weights"),
        ("Conv", ["real", "weights"], "conv"),
        ("QuantizeLinear", ["conv", "s2", "z2"], "conv_codes"),
        ("DequantizeLinear", ["conv_codes", "s2", "z2"], "conv_real"),
        ("Flatten", ["conv_real"], "scores"),
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("image", [1, 3, 1, 1]), ("scores", [1, 4]))
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(kind, ins, [out], f"/{out}") for kind, ins, out in nodes],
        "net",
        ends[:1],
        ends[1:],
        [onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", 17)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"wz": np.int8(5)}, "weights have the zero point 5.*weight_type=QuantType.QInt8"),
        ({"z": np.int16(0)}, "codes: its codes are int16; transcode takes int8 and uint8"),
        ({"s": np.float32(0)}, r"codes: scales \[0.0\]; needed are numbers above 0"),
        ({"s2": np.ones(4, np.float32), "z2": np.zeros(4, np.uint8)}, "4 scales of an activation"),
    ],
)
def test_what_a_quantizer_of_an_onnx_cannot_say_is_refused(
    changes: dict[str, object], text: str, tmp_path: Path
) -> None:
    path = tmp_path / "others.onnx"
    onnx.save(quantized(**changes), path)
    with pytest.raises(ArtifactError, match=text):
        transcode(path)


def test_what_is_not_in_qdq_form_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "others.onnx", quantized()
    model.graph.node[3].op_type = "ConvInteger"
    onnx.save(model, path)
    with pytest.raises(ArtifactError, match=r"conv is ConvInteger, .*quant_format=QuantFormat.QDQ"):
        transcode(path)
    model = quantized()
    model.graph.node[5].input[1] = "s"
    onnx.save(model, path)
    with pytest.raises(ArtifactError, match="conv_real: other scales than those that conv was"):
        transcode(path)
    model = quantized()
    padding = onnx.helper.make_node("Pad", ["conv_codes", "pads", "s3"], ["padded"], "/padded")
    model.graph.node.insert(5, padding)
    model.graph.node[6].input[0] = "padded"
    pads, code = np.zeros(8, np.int64), np.array(3, np.uint8)
    model.graph.initializer.append(onnx.numpy_helper.from_array(pads, "pads"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(code, "s3"))
    onnx.save(model, path)
    with pytest.raises(ArtifactError, match="padded with int8 code -125, which is not known to"):
        transcode(path)
    model = quantized()
    del model.graph.node[4:6]
    model.graph.node[4].input[0] = "conv"
    onnx.save(model, path)
    with pytest.raises(ArtifactError, match="conv: CONV_2D computes in float; transcode takes"):
        transcode(path)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_damaged_file_is_refused_in_one_line(suffix: str, tmp_path: Path) -> None:
    content = tflite_of(RandomNetwork(3, EXACT).graph(), Input.INT8, ResultType.INT8)
    path = tmp_path / f"damaged.{suffix}"
    if suffix == "onnx":
        content = quantized().SerializeToString()
    random = np.random.default_rng(0)
    refusals = []
    for _ in range(40):
        damaged = bytearray(content[: int(random.integers(64, len(content)))])
        for place in random.integers(8, len(damaged), 4):
            damaged[place] = int(random.integers(256))
        path.write_bytes(damaged)
        try:
            transcode(path)
        except StropError as err:
            refusals.append(str(err))
    assert refusals
    assert not any("\n" in text for text in refusals)
