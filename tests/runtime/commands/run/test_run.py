from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from strop.cli import main

FLAGS = ("--mean", "0", "--std", "1", "--resize", "crop", "--activation", "softmax")


@pytest.fixture
def bare(tmp_path: Path, bare_tflite: bytes) -> str:
    path = tmp_path / "bare.tflite"
    path.write_bytes(bare_tflite)
    return str(path)


def test_run_prints_the_labels_and_echoes_its_settings(
    tiny_tflite: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = image_folder / "n3" / "a.png"
    assert main(["run", str(tiny_tflite), str(image), "--top", "2"]) == 0
    printed = capsys.readouterr()
    rows = printed.out.splitlines()
    assert rows[0].split() == ["image", "score", "label"]
    assert len(rows) == 3
    assert rows[1].endswith("n3 blue")
    assert "litert" in printed.err
    assert "crop fraction 0.875" in printed.err


def test_run_gives_json_alone_on_stdout(
    tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [str(image_folder / name / "a.png") for name in ("n1", "n2")]
    assert main(["run", str(tiny_onnx), *images, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["format_version"] == 5
    assert record["engine"]["kernels"] == "mlas"
    assert [image["path"] for image in record["images"]] == images
    assert [image["predictions"][0]["index"] for image in record["images"]] == [0, 1]


def test_a_foreign_artifact_runs_with_flags(
    bare: str, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", bare, str(image_folder / "n2" / "b.BMP"), "--top", "1", *FLAGS]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == "1"


def test_a_foreign_artifact_names_the_flags_that_are_missing(
    bare: str, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(image_folder / "n2" / "b.BMP")
    assert main(["run", bare, image]) == 2
    assert "give --resize, --activation, and --labels for names" in capsys.readouterr().err
    assert main(["run", bare, image, "--mean", "0", "--resize", "crop"]) == 2
    assert (
        "what --std, --activation would; give --std, --activation, and" in capsys.readouterr().err
    )


def test_a_flag_replaces_one_part_of_the_contract(
    tiny_tflite: Path, tmp_path: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("rot\ngrün\nblau\ngrau\n", encoding="utf-8")
    image = str(image_folder / "n2" / "a.png")
    assert main(["run", str(tiny_tflite), image, "--labels", str(labels), "--top", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].endswith("grün")
    assert "softmax" in printed.err


def test_a_flag_without_effect_is_refused(
    tiny_tflite: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(image_folder / "n2" / "a.png")
    assert main(["run", str(tiny_tflite), image, "--mean", "127.5"]) == 2
    assert "normalizes its input itself, so --mean and --std" in capsys.readouterr().err


def test_a_corrupt_image_ends_with_code_2_and_its_name(
    tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "corrupt.jpg"
    Image.new("RGB", (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:200])
    assert main(["run", str(tiny_tflite), str(path)]) == 2
    assert "corrupt.jpg: " in capsys.readouterr().err


def test_evaluate_prints_shares_with_intervals(
    tiny_tflite: Path, tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tiny_tflite), str(image_folder), "--against", str(tiny_onnx)]
    assert main(["evaluate", *arguments]) == 0
    rows = {row.split("  ")[0]: row for row in capsys.readouterr().out.splitlines()[1:]}
    assert list(rows) == [
        "top-1",
        "top-5",
        "top-1 of the reference",
        "same top-1 as the reference",
        "top-1 drop from the reference",
    ]
    # Wilson's interval of 6 of 6: 1 / (1 + 1.96^2 / 6).
    assert rows["top-1"].split()[1:] == ["1.0000", "0.6097", "to", "1.0000", "6/6"]


def test_evaluate_gives_json_with_the_raw_answers(
    tiny_tflite: Path, tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tiny_tflite), str(image_folder), "--against", str(tiny_onnx)]
    assert main(["evaluate", *arguments, "--limit", "3", "--engine", "litert", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n"] == 3
    assert record["truth"] == [0, 1, 2]
    assert [ranks[0] for ranks in record["ranked"]] == [0, 1, 2]
    assert record["against"]["drop"]["only_reference_right"] == 0
    assert record["against"]["engine"]["engine"] == "onnxruntime"


def test_evaluate_without_labels_gives_the_agreement_only(
    bare: str, tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = image_folder / "n1"
    assert main(["evaluate", str(tiny_onnx), str(flat), "--against", str(tiny_onnx)]) == 0
    assert "same top-1 as the reference  1.0000" in capsys.readouterr().out
    assert main(["evaluate", str(tiny_onnx), str(flat)]) == 2
    assert "into one subfolder per class and give --labels" in capsys.readouterr().err
    assert main(["evaluate", bare, str(image_folder), *FLAGS]) == 2
    assert "an artifact without labels, so no answer can be right" in capsys.readouterr().err


def test_a_limit_below_one_is_refused(
    tiny_onnx: Path, image_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_onnx), str(image_folder), "--limit", "0"]) == 2
    assert "--limit is 0; needed is 1 or more" in capsys.readouterr().err


def test_what_pillow_warns_of_is_not_shown(tiny_onnx: Path, tmp_path: Path) -> None:
    image = tmp_path / "large.png"
    Image.new("1", (10_000, 9000)).save(image)
    argv = [sys.executable, "-m", "strop", "run", str(tiny_onnx), str(image)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Warning" not in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith("in all are decoded; scale the image down first")
