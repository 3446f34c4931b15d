"""`strop run` of detectors: boxes in the picture's own pixels, as text, records and drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.runtime.detect.tiny_detector import CORNERS, SCORES, contract_of, detector_onnx

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.contract import Contract, ResizeRule
from strop.runtime.artifact.detection import AnchorMap, BoxCoding
from strop.runtime.classify.detect_answer import DetectAnswer
from strop.runtime.detect.detection_file import DETECTION
from strop.runtime.errors import StropError
from strop.runtime.images.box_drawing import COLOURS

pytest.importorskip("onnxruntime")
SIZE = (64, 32)
TURNED = 6  # EXIF's orientation: upright, the file's rows are columns


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """64 x 32 upright; its file has 32 x 64."""
    exif = Image.Exif()
    exif[0x0112] = TURNED
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", SIZE[::-1], "white").save(path, exif=exif)
    return path


def artifact(tmp_path: Path, contract: Contract | None, **changed: Any) -> Path:
    path = tmp_path / "detector.onnx"
    path.write_bytes(detector_onnx(contract, **changed))
    return path


def sides(answer: object) -> list[tuple[float, ...]]:
    assert isinstance(answer, DetectAnswer)
    return [tuple(np.round((e.x, e.y, e.width, e.height), 3).tolist()) for e in answer.boxes]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (ResizeRule.STRETCH, [(16, 8, 16, 16), (32, 16, 16, 16)]),
        (ResizeRule.CROP, [(24, 8, 8, 16), (32, 16, 8, 16)]),
        (ResizeRule.LETTERBOX, [(16, 0, 16, 32), (32, 16, 16, 16)]),
    ],
)
def test_boxes_are_in_the_pixels_of_the_picture(
    rule: ResizeRule, found: list[tuple[float, ...]], tmp_path: Path, picture: Path
) -> None:
    with strop.runtime.open(artifact(tmp_path, contract_of(rule))) as detector:
        (answer,) = detector.answer(picture).outputs.values()
    assert sides(answer) == found
    assert isinstance(answer, DetectAnswer)
    assert [(each.label, round(each.score, 4)) for each in answer.boxes] == [
        ("shoe", 0.9),
        ("bag", 0.6),
    ]


def test_boxes_are_printed_and_drawn(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = artifact(tmp_path, contract_of()), tmp_path / "drawn"
    assert main(["run", str(path), str(picture), "--json", "--draw", str(folder)]) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert [each["label"] for each in image["boxes"]] == ["shoe", "bag"]
    with Image.open(folder / "a.drawn.jpg") as drawn:
        assert drawn.size == SIZE
        # The lower edge of the bag's box, by what JPEG leaves of its colour.
        at = np.asarray(drawn.convert("RGB"))[31, 33:47].astype(int)
    assert np.abs(at - np.array(COLOURS[1])).mean() < 40
    assert main(["run", str(path), str(picture)]) == 0
    assert "0.6000  bag    32.0  16.0   16.0    16.0" in capsys.readouterr().out
    assert main(["run", str(path), str(picture.parent)]) == 0
    assert "0.9000 shoe 16,8,16,16" in capsys.readouterr().out


def test_nothing_found_is_a_result(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = artifact(tmp_path, contract_of(), scores=SCORES / 10)
    assert main(["run", str(path), str(picture), "--draw", str(tmp_path / "drawn")]) == 0
    assert "nothing found" in capsys.readouterr().out
    assert (tmp_path / "drawn/a.drawn.jpg").is_file()
    assert main(["run", str(path), str(picture.parent), "--jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["boxes"] == []


def test_flags_say_what_a_foreign_detector_is(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, facts = artifact(tmp_path, None), tmp_path / "d.json"
    DETECTION.write(CORNERS, facts)
    flags = ["--resize", "stretch", "--mean", "0", "--std", "1", "--activation", "none"]
    assert main(["run", str(path), str(picture), "--detection", str(facts), *flags]) == 0
    assert "0.6000      1  32.0" in capsys.readouterr().out
    assert main(["run", str(path), str(picture), "--task", "detect", *flags]) == 2
    assert "give --detection FILE.json" in capsys.readouterr().err


def test_draw_needs_something_that_has_a_place(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.runtime.tiny_artifacts import LABELS, onnx_bytes

    path = tmp_path / "classifier.onnx"
    contract = Contract(height=16, width=16, labels=LABELS, strop_version="1")
    path.write_bytes(onnx_bytes(contract))
    asked = ["run", str(path), str(picture), "--draw", str(tmp_path / "drawn")]
    assert main([*asked, "--task", "embed"]) == 2
    assert "nothing to draw" in capsys.readouterr().err


MAPS = (AnchorMap(rows=2, columns=2, sizes=((0.5, 0.5),)),)


@pytest.mark.parametrize(
    ("contract", "text"),
    [
        (
            contract_of(detection=replace(CORNERS, coding=BoxCoding.YOLOX, maps=MAPS)),
            "3 boxes and 4 anchors",
        ),
        (contract_of(labels=("shoe",)), "2 classes of boxes, and 1 labels"),
        (contract_of(detection=replace(CORNERS, background=True)), "1 classes of boxes, and 2"),
        (contract_of(detection=replace(CORNERS, boxes=1, scores=0)), r"its boxes are \[1, 3, 2\]"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(contract: Contract, text: str, tmp_path: Path) -> None:
    with pytest.raises(StropError, match=text):
        strop.runtime.open(artifact(tmp_path, contract))
