from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from tests.export.onnx_files.networks import SIDE, Net
from tests.export.transcode.random_int8 import (
    EXACT,
    ROUNDED,
    RandomNetwork,
    as_uint8,
    tflite_of,
)

import strop.runtime
from strop import cli
from strop.export.ir.graph import Kind
from strop.export.options.choices import Input, ResultType
from strop.export.transcode.assign import quantized_graph
from strop.export.transcode.compare import CodeAgreement, compare_codes
from strop.export.transcode.read_tflite import read_coded_tflite
from strop.export.transcode.transcode import transcode
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Activation

ENDS = [
    (Input.INT8, ResultType.INT8),
    (Input.UINT8, ResultType.UINT8),
    (None, ResultType.FLOAT32),
    (Input.UINT8, ResultType.FLOAT32),
]
IMAGES = 6


def agreement(content: bytes, folder: Path) -> CodeAgreement:
    path, other = folder / "others.tflite", folder / "others.onnx"
    path.write_bytes(content)
    made = transcode(path)
    other.write_bytes(made.content)
    return compare_codes(path, other, made.image, made.step, images=IMAGES)


@pytest.mark.parametrize("seed", range(12))
def test_both_engines_give_the_same_codes(seed: int, tmp_path: Path) -> None:
    graph = RandomNetwork(seed, EXACT).graph()
    found = agreement(tflite_of(graph, *ENDS[seed % len(ENDS)]), tmp_path)
    assert (found.equal, found.largest_difference) == (found.scores, 0)


def test_merged_depthwise_windows_are_taken_apart_for_onnx_runtime(tmp_path: Path) -> None:
    graph = RandomNetwork(1, ("wide",), widest=16).graph()
    found = agreement(tflite_of(graph, Input.INT8, ResultType.INT8), tmp_path)
    assert (found.equal, found.largest_difference) == (found.scores, 0)
    transcoded = quantized_graph(read_coded_tflite(tmp_path / "others.tflite"))
    assert Kind.DEPTHWISE not in {op.kind for op in transcoded.ops}
    windows = [op for op in graph.ops if op.kind is Kind.DEPTHWISE]
    convolutions = [
        {each.name: each.i for each in node.attribute}
        for node in onnx.load(tmp_path / "others.onnx").graph.node
        if node.op_type == "Conv"
    ]
    assert len(windows) == sum(each["group"] > 1 for each in convolutions) > 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("layers", "widest"),
    [(EXACT, 8), (("conv", "depthwise"), 40)],  # the .onnx fills up wide ones
)
def test_uint8_weights_keep_their_zero_point(
    seed: int, layers: tuple[str, ...], widest: int, tmp_path: Path
) -> None:
    graph = RandomNetwork(seed, layers, widest=widest, zero_points=True).graph()
    found = agreement(as_uint8(tflite_of(graph, Input.INT8, ResultType.INT8)), tmp_path)
    assert (found.equal, found.largest_difference) == (found.scores, 0)


@pytest.mark.parametrize("kind", ROUNDED)
def test_one_operation_that_rounds_differs_by_a_code_at_ties(kind: str, tmp_path: Path) -> None:
    for seed in range(3):
        graph = RandomNetwork(seed, (kind,), most=2).graph()
        found = agreement(tflite_of(graph, Input.INT8, ResultType.INT8), tmp_path)
        assert found.largest_difference <= 1


def test_the_command_writes_a_file_that_runs_by_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "others.tflite"
    graph = RandomNetwork(3, EXACT).graph()
    path.write_bytes(tflite_of(graph, Input.UINT8, ResultType.UINT8))
    assert cli.main(["transcode", str(path)]) == 0
    shown = capsys.readouterr()
    assert "on 16 random images" in shown.out
    assert "carries no contract: resize, activation unknown; give --resize" in shown.err
    assert read_contract(tmp_path / "others.onnx") is None
    words = ["--resize", "crop", "--activation", "softmax", "--json"]
    assert cli.main(["transcode", str(path), *words]) == 2
    assert "exists; give another name, or --force" in capsys.readouterr().err
    assert cli.main(["transcode", str(path), *words, "--force"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agreement"]["equal"] == found["agreement"]["scores"]
    image = np.zeros(graph.tensors[graph.input].shape[1:], np.uint8)
    contract = read_contract(tmp_path / "others.onnx")
    assert contract is not None
    quant = graph.quant(graph.input)
    values = replace(contract, mean=(quant.zero_point + 128.0,), std=(1 / quant.scale,))
    before = strop.runtime.open(path, contract=values)
    with before, strop.runtime.open(tmp_path / "others.onnx") as after:
        assert after.contract.activation is Activation.SOFTMAX
        # The same codes; one engine hands them over, the other their reals, float32.
        np.testing.assert_allclose(before.scores(image), after.scores(image), rtol=1e-6)


# In 397 a step is larger than ReLU6's 6.
@pytest.mark.parametrize("seed", [*range(40, 48), 397])
def test_there_and_back_an_engine_gives_the_same_codes(seed: int, tmp_path: Path) -> None:
    graph = RandomNetwork(seed, (*EXACT, *ROUNDED)).graph()
    first, middle, last = (tmp_path / name for name in ("a.tflite", "b.onnx", "c.tflite"))
    first.write_bytes(tflite_of(graph, *ENDS[seed % len(ENDS)]))
    middle.write_bytes(transcode(first).content)
    made = transcode(middle)
    last.write_bytes(made.content)
    found = compare_codes(first, last, made.image, made.step, images=IMAGES)
    assert (found.equal, found.largest_difference) == (found.scores, 0)


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Random pictures of a network of `networks.Net`."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        shape = (4, 1, 3, SIDE, SIDE)
        self.left = [{"image": each} for each in random.normal(0, 1, shape).astype(np.float32)]

    def get_next(self) -> dict[str, Any] | None:
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("activations", [QuantType.QUInt8, QuantType.QInt8])
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_file_of_quantize_static_becomes_a_tflite(
    activations: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    net = Net()
    x = net.add("Relu", net.conv("image", 3, 8, strides=[2, 2]))
    y = net.clip(net.conv(x, 8, 8, group=8), 0, 6)
    x = net.add("MaxPool", net.add("Add", x, y), kernel_shape=[2, 2], strides=[2, 2])
    x = net.add("Concat", net.conv(x, 8, 6, 1), net.conv(x, 8, 4, 1), axis=1)
    x = net.scores(x, 10)
    source, path, other = (tmp_path / name for name in ("f.onnx", "q.onnx", "q.tflite"))
    onnx.save(net.model(x), source)
    quantize_static(
        source,
        path,
        Pictures(),
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
    )
    made = transcode(path)
    other.write_bytes(made.content)
    found = compare_codes(path, other, made.image, made.step)
    assert found.largest_difference <= 1
