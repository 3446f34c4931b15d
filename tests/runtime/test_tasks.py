"""`strop run` and `strop evaluate` of a binary, a multilabel and a regression artifact."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.runtime.remote.ssh_board import SshBoard
from tests.runtime.tiny_artifacts import onnx_bytes

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.contract import Activation, Contract, Task

REDS = (20, 90, 160, 230)
# Of the mean red, green and blue, 0..1, and a 1.
IS_RED = np.array([[10], [0], [0], [-5]], np.float32)
COLOURS = np.array([[8, 0, 0], [0, 8, 0], [0, 0, 8], [-4, -4, -4]], np.float32)
LEVELS = np.array([[255, 0], [0, 255], [0, 0], [0, 0]], np.float32)


BASE = Contract(height=16, width=16, strop_version="0.1.0")
DIM_OR_LIT = replace(BASE, activation=Activation.SIGMOID, labels=("dim", "lit"))
THREE = replace(BASE, activation=Activation.SIGMOID, labels=("red", "green", "blue"))


def artifact(
    folder: Path, scores: NDArray[np.floating[Any]], contract: Contract, name: str = "m"
) -> Path:
    path = folder / f"{name}.onnx"
    path.write_bytes(onnx_bytes(contract, scores=scores))
    return path


def image(path: Path, colour: tuple[int, int, int]) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (16, 16), colour).save(path)
    return str(path)


@pytest.fixture
def reds(tmp_path: Path) -> Path:
    """Two dark images in "dim", two bright ones in "lit"."""
    for red in REDS:
        image(tmp_path / "reds" / ("lit" if red > 127 else "dim") / f"{red}.png", (red, 0, 0))
    return tmp_path / "reds"


def test_one_score_is_one_of_two_labels(
    tmp_path: Path, reds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, IS_RED, DIM_OR_LIT)
    images = [str(reds / "dim" / "90.png"), str(reds / "lit" / "160.png")]
    assert main(["run", str(path), *images]) == 0
    printed = capsys.readouterr()
    assert [line.split()[1:] for line in printed.out.splitlines()] == [
        ["score", "label"],
        ["0.1869", "dim"],
        ["0.7815", "lit"],
    ]
    assert "binary: lit at 0.5 or above, dim below" in printed.err
    assert main(["run", str(path), *images, "--threshold", "0.8"]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]] == ["dim"] * 2


def test_a_score_that_may_be_a_logit_or_a_probability_is_answered_when_that_is_said(
    tmp_path: Path, reds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, IS_RED, BASE)
    assert main(["evaluate", str(path), str(reds)]) == 2
    assert "give --threshold 0.5 for probabilities, --threshold 0 for" in capsys.readouterr().err
    assert main(["run", str(path), str(reds / "dim" / "90.png")]) == 0
    printed = capsys.readouterr()
    assert printed.out.split()[-1] == "0"
    assert "open; give --threshold" in printed.err
    assert main(["evaluate", str(path), str(reds), "--threshold", "0"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        *("right", "1.0000", "0.5101", "to", "1.0000", "4/4"),
    ]


def test_two_subfolders_are_below_the_threshold_and_at_or_above_it(
    tmp_path: Path, reds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, IS_RED, replace(DIM_OR_LIT, labels=()))
    assert main(["evaluate", str(path), str(reds), "--json"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert (record["task"], record["thresholds"], record["top1"]["hits"]) == ("binary", [0.5], 4)
    assert record["truth"] == [0, 0, 1, 1]
    assert record["top5"] is None
    assert "dim below the threshold, lit at or above it" in printed.err


def test_an_agreement_that_one_answer_would_reach_is_said_to_say_nothing(
    tmp_path: Path, reds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    always = IS_RED * 0 + np.array([[0], [0], [0], [5]], np.float32)
    path = artifact(tmp_path, always, DIM_OR_LIT)
    other = artifact(tmp_path, always, DIM_OR_LIT, "other")
    assert main(["evaluate", str(path), str(reds), "--against", str(other)]) == 0
    printed = capsys.readouterr()
    assert "same answer as the reference" in printed.out
    assert (
        "the agreement says nothing about the artifact: the reference answers 'lit' to 4 of 4"
        " images" in printed.err
    )


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    for name, colour in {
        "none": (0, 0, 0),
        "red": (255, 0, 0),
        "yellow": (255, 200, 0),
        "white": (200, 255, 255),
    }.items():
        image(tmp_path / "mixed" / f"{name}.png", colour)
    return tmp_path / "mixed"


def truth_file(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "truth.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_labels_of_an_image_are_a_set(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, COLOURS, THREE)
    assert main(["run", str(path), str(mixed / "yellow.png")]) == 0
    printed = capsys.readouterr()
    assert [line.split()[2:] for line in printed.out.splitlines()[1:]] == [
        *(["red", "yes"], ["green", "yes"], ["blue", "no"]),
    ]
    assert main(["run", str(path), str(mixed)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(0.0180 red)  (0.0180 green)  (0.0180 blue)")
    assert lines[-1].endswith("0.9820 red  0.9067 green  (0.0180 blue)")


def test_sets_of_labels_are_evaluated_whole_and_label_by_label(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, COLOURS, THREE)
    blind = artifact(tmp_path, COLOURS * [[1, 0, 1]] - [[0, 1, 0]], THREE, "blind")
    table = truth_file(
        tmp_path,
        *("file,blue,green,red", "none.png,0,0,0", "red.png,0,0,1", "yellow.png,0,1,1"),
        *("white.png,1,1,0", "elsewhere.png,1,1,1"),
    )
    words = ["evaluate", str(path), str(mixed), "--truth", table, "--against", str(blind)]
    assert main(words) == 0
    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()[1:]]
    counts = {row[0]: row[-1].strip() for row in rows if "/" in row[-1] or "-" in row[-1]}
    assert counts == {
        "whole set right": "3/4",
        "whole set right of the reference": "2/4",
        "same set of labels as the reference": "2/4",
        "whole set right drop from the reference": "0-1",
    }
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["top1"]["hits"] == 3
    assert record["against"]["agreed"]["hits"] == 2
    assert record["against"]["label_agreement"] == [1.0, 0.5, 1.0]
    assert record["mean_average_precision"] == 1  # in order, wherever the threshold is


def test_numbers_are_evaluated_by_their_error(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, LEVELS, replace(BASE, task=Task.REGRESS, labels=("x", "y")))
    table = truth_file(
        tmp_path,
        *("file,y,x", "none.png,0,2", "red.png,0,255", "yellow.png,200,254"),
        "white.png,255,201",
    )
    assert main(["run", str(path), str(mixed / "white.png")]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:] == ["200.0000", "x"]
    assert main(["evaluate", str(path), str(mixed), "--truth", table]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[1].split()[:2] == ["x", "1"]
    assert rows[2].split()[:2] == ["y", "0"]
    assert main(["evaluate", str(path), str(mixed), "--truth", table, "--json"]) == 0
    (x, y) = json.loads(capsys.readouterr().out)["errors"]
    assert (x["mean"], x["largest"], y["mean"]) == (1, 2, 0)
    assert main(["evaluate", str(path), str(mixed)]) == 2
    assert "numbers without a truth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ((), "0 columns behind the image's, and there are 3 scores"),
        (("file,red,green,grey",), "not one column is called 'blue'"),
        (("file,red,green,blue", "none.png,1,0"), "line 2: 3 columns, the first line has 4"),
        (("file,red,green,blue", "none.png,1,0,x"), "line 2: could not convert"),
        (("file,red,green,blue", "none.png,1,0,2"), "line 2: not 0 or 1"),
        (("file,red,green,blue", "none.png,1,0,nan"), "line 2: not finite"),
        (("file,red,green,blue", "none.png,1,0,1"), "no row for 3 of 4 images: red.png, "),
        (("file,red,green,blue", *("none.png,1,0,1",) * 2), "line 3: none.png stands there twice"),
        (("file,red,green,blue", '"'), "not UTF-8 CSV"),
    ],
)
def test_a_table_that_says_not_what_is_needed_is_refused(
    tmp_path: Path,
    mixed: Path,
    lines: tuple[str, ...],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = artifact(tmp_path, COLOURS, THREE)
    table = truth_file(tmp_path, *lines)
    assert main(["evaluate", str(path), str(mixed), "--truth", table]) == 2
    assert text in capsys.readouterr().err


def test_a_table_that_is_a_pipe_or_not_there_is_refused(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, COLOURS, THREE)
    os.mkfifo(tmp_path / "pipe")
    for name, text in (("pipe", "a pipe, needed is a regular file"), ("gone", "No such file")):
        assert main(["evaluate", str(path), str(mixed), "--truth", str(tmp_path / name)]) == 2
        assert text in capsys.readouterr().err


def test_artifacts_of_other_tasks_are_not_compared(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = artifact(tmp_path, COLOURS, THREE)
    classes = artifact(tmp_path, COLOURS, replace(THREE, activation=Activation.SOFTMAX), "classes")
    words = ["evaluate", str(sets), str(mixed), "--against", str(classes)]
    assert main(words) == 2
    assert "different tasks: multilabel and classify; give --task" in capsys.readouterr().err
    assert main([*words, "--task", "classify"]) == 0


def test_a_board_evaluates_sets_of_labels(
    tmp_path: Path, mixed: Path, board: SshBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, COLOURS, THREE)
    table = truth_file(
        tmp_path,
        *("file,red,green,blue", "none.png,0,0,0", "red.png,1,0,0", "yellow.png,1,1,0"),
        "white.png,0,1,1",
    )
    words = ["evaluate", str(path), str(mixed), "--truth", table, "--against", str(path), "--json"]
    assert main(words) == 0
    here = json.loads(capsys.readouterr().out)
    assert main([*words, "--target", board.url]) == 0
    there = json.loads(capsys.readouterr().out)
    for record in (here, there):
        record.pop("engine")
        record["against"].pop("engine")
    assert there == here


def test_an_image_without_a_vector_is_named(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, LEVELS, replace(BASE, task=Task.EMBED, activation=Activation.L2))
    assert main(["run", str(path), str(mixed)]) == 2
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert "none.png: its vector is all zeros, so that it is like no other image" in printed.err
    assert printed.err.splitlines()[-1] == "3 images answered, 1 failed"
    (mixed / "kind").mkdir()
    for each in mixed.glob("*.png"):
        each.rename(mixed / "kind" / each.name)
    assert main(["evaluate", str(path), str(mixed)]) == 2
    assert "none.png: the vector of an image is all zeros" in capsys.readouterr().err


@pytest.mark.parametrize("task", [Task.EMBED, Task.REGRESS])
def test_an_image_with_numbers_that_are_not_finite_is_named(
    tmp_path: Path, mixed: Path, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, LEVELS * np.nan, replace(BASE, task=task))
    evaluate = ["evaluate", str(path), str(mixed), "--against", str(path)]
    for words in (["run", str(path), str(mixed / "red.png")], evaluate):
        assert main(words) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert "m.onnx" in error
        assert ".png: " in error
        assert "the artifact returned NaN or infinity for 2 of 2 scores" in error


def test_one_label_names_the_second_class(tmp_path: Path) -> None:
    path = artifact(tmp_path, IS_RED, replace(DIM_OR_LIT, labels=("lit",)))
    with strop.runtime.open(path) as opened:
        (dark,) = opened.classify(np.zeros((16, 16, 3), np.uint8))
    assert (dark.label, dark.index, dark.is_set) == ("not lit", 0, None)
