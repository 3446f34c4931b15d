"""`strop evaluate` of maps, boxes and points on a board: the record of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.runtime.classify.test_map_answer import write
from tests.runtime.detect.tiny_detector import contract_of, detector_onnx
from tests.runtime.remote.ssh_board import MISSING, SshBoard

from strop.cli import main

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
pytest.importorskip("onnxruntime", reason="onnxruntime, which the board runs, is not installed")
pytest.importorskip("pycocotools")

FIT = ("--resize", "stretch", "--mean", "0", "--std", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures, one of them turned by EXIF; masks, boxes and points that say what is there."""
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    for at, name in enumerate("ab"):
        picture = Image.new("RGB", (64, 32), (10 * at, 200, 30))
        exif = Image.Exif()
        exif[0x0112] = 6 if at else 1
        picture.save(tmp_path / "photos" / f"{name}.jpg", exif=exif)
        size = (32, 64) if at else (64, 32)
        Image.new("L", size, 1).save(tmp_path / "masks" / f"{name}.png")
    content = {
        "images": [{"id": at, "file_name": f"{name}.jpg"} for at, name in enumerate("ab")],
        "annotations": [{"image_id": 0, "category_id": 1, "bbox": [16, 8, 16, 16]}],
        "categories": [{"id": 1, "name": "shoe"}, {"id": 2, "name": "bag"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    (tmp_path / "labels.txt").write_text("eye\nnose\nmouth\n")
    table = (
        "image,eye_x,eye_y,nose_x,nose_y,mouth_x,mouth_y\na.jpg,1,2,3,4,5,6\nb.jpg,7,8,9,1,2,3\n"
    )
    (tmp_path / "points.csv").write_text(table)
    return tmp_path


def is_the_same(words: list[str], board: SshBoard, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert main([*words, "--json", "--target", board.url]) == 0
    assert json.loads(capsys.readouterr().out) == here


def test_maps_there_are_those_here(
    board: SshBoard, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = str(write(folder, "scores"))
    words = ["evaluate", artifact, str(folder / "photos"), "--masks", str(folder / "masks")]
    is_the_same([*words, "--against", artifact, *FIT], board, capsys)


def test_boxes_there_are_those_here(
    board: SshBoard, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = folder / "m.onnx"
    artifact.write_bytes(detector_onnx(contract_of()))
    words = ["evaluate", str(artifact), str(folder / "photos")]
    truth = ("--truth", str(folder / "boxes.json"))
    is_the_same([*words, *truth, "--against", str(artifact)], board, capsys)


def test_points_there_are_those_here(
    board: SshBoard, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The map of one colour's highest pixel stands for a heat map."""
    artifact = str(write(folder, "scores"))
    words = ["evaluate", artifact, str(folder / "photos"), "--task", "landmarks"]
    said = ("--labels", str(folder / "labels.txt"), "--truth", str(folder / "points.csv"))
    is_the_same([*words, *said, "--activation", "none", *FIT], board, capsys)
