"""Files of others with several outputs: what the flags must say of each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from strop.cli import main

SIDE = 4
POINTS, PRESENCE, MAP = "output_0", "output_1", "output_2"
SAID = (
    *("--task", f"{POINTS}=landmarks", "--points", f"{POINTS}=pixels,3"),
    *("--task", f"{PRESENCE}=binary", "--activation", f"{PRESENCE}=sigmoid"),
    *("--task", f"{MAP}=segment", "--threshold", f"{MAP}=100"),
)
FIT = ("--resize", "stretch", "--mean", "0", "--std", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the form of MediaPipe's: points, a score, and a map of the picture's reds."""
    root = tmp_path_factory.mktemp("several")
    values: dict[str, Any] = {
        "none": np.zeros((3, 6), np.float32),
        "at": np.array([[1, 2, 7, 3, 4, 8]], np.float32),
        "first": np.zeros((3, 1), np.float32),
    }
    means = helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0)
    nodes = [
        means,
        helper.make_node("Gemm", ["means", "none", "at"], ["points"]),
        helper.make_node("MatMul", ["means", "first"], ["presence"]),
        helper.make_node("ReduceMax", ["image"], ["map"], axes=[3]),
    ]
    shapes = {"points": (1, 6), "presence": (1, 1), "map": (1, SIDE, SIDE, 1)}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, SIDE, SIDE, 3))],
        [helper.make_tensor_value_info(*each) for each in _infos(shapes)],
        [numpy_helper.from_array(each, name) for name, each in values.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), root / "net.onnx")
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4, :, 0] = 200
    (root / "images").mkdir()
    Image.fromarray(pixels).save(root / "images" / "a.png")
    return root


def _infos(shapes: dict[str, tuple[int, ...]]) -> list[tuple[str, int, tuple[int, ...]]]:
    return [(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]


def run(folder: Path, *flags: str) -> int:
    return main(["run", str(folder / "net.onnx"), str(folder / "images" / "a.png"), *flags])


def test_each_output_answers_by_its_own_task(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *SAID, *FIT, "--json", "--draw", str(folder / "drawn")) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    found = image["outputs"]
    points = [(each["x"], each["y"], each["others"]) for each in found[POINTS]["points"]]
    assert points == [(2.0, 4.0, [7.0]), (6.0, 8.0, [8.0])]
    assert found[PRESENCE]["predictions"][0]["score"] == pytest.approx(0.5)
    assert found[MAP]["shares"] == {"0": 0.5, "1": 0.5}
    assert (folder / "drawn" / "a.drawn.jpg").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "give --task NAME=TASK for output_0, output_1, output_2, regress for numbers"),
        (SAID[:8], r"its outputs are output_0 \[1, 6\], .*; give --task NAME=TASK for output_2"),
        ((*SAID, "--task", "points=embed"), "a flag names 'points'; give NAME=VALUE for each"),
        (("--task", "landmarks"), "3 outputs, and --task names none of them; give --task NAME=VAL"),
        (
            (*SAID[:6], *SAID[8:]),
            "give --activation output_1=none if its scores are probabilities, sigmoid or softmax",
        ),
        ((*SAID, *SAID[:2]), "--task: given twice for output output_0; leave one out"),
    ],
)
def test_what_is_not_said_is_named_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    assert run(folder, *flags, *FIT) == 2
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error")]
    assert re.search(message, line)


def test_evaluate_compares_outputs_of_others_but_for_maps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "net.onnx")
    asked = ("evaluate", file, str(folder / "images"), "--against", file)
    assert main([*asked, *SAID, *FIT]) == 2
    assert "output output_2 is a map of classes, whose pixels are" in capsys.readouterr().err


def test_an_only_output_has_no_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcode", str(folder / "net.onnx"), *SAID]) == 2
    assert "a flag names the output 'output_1', and transcode" in capsys.readouterr().err
