"""`strop evaluate` of detectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.runtime.detect.tiny_detector import SCORES, contract_of, detector_onnx

from strop.cli import main

pytest.importorskip("onnxruntime")
pytest.importorskip("pycocotools")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures of 64 x 32; in boxes.json the shoe is where it is found, the bag is not."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abcd":
        Image.new("RGB", (64, 32), "white").save(folder / f"{name}.png")
    content = {
        "images": [{"id": at, "file_name": f"{name}.png"} for at, name in enumerate("abcd")],
        "annotations": [
            {"image_id": at, "category_id": label, "bbox": box}
            for at in range(4)
            for label, box in ((1, [16, 8, 16, 16]), (2, [0, 0, 5, 5]))
        ],
        "categories": [{"id": 1, "name": "shoe"}, {"id": 2, "name": "bag"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    return folder


def artifact(path: Path, factor: float = 1) -> str:
    path.write_bytes(detector_onnx(contract_of(), scores=SCORES * factor))
    return str(path)


def test_precision_of_boxes_is_counted_against_truth_and_another_file(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = artifact(tmp_path / "m.onnx"), artifact(tmp_path / "other.onnx", 0.01)
    truth = ["--truth", str(tmp_path / "boxes.json")]
    assert main(["evaluate", path, str(photos), *truth, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["found"]["mean"]["value"] == pytest.approx(0.5)
    assert record["found"]["by_class"] == {"0": pytest.approx(1), "1": 0}
    assert (record["found"]["images"], record["found"]["boxes"]) == (4, 8)
    assert main(["evaluate", path, str(photos), *truth, "--against", other]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "mAP 50:95 of the reference 0.0000" in printed
    assert "mAP 50:95 drop from the reference -0.5000" in printed
    assert "mAP 50:95 with the reference's boxes 0.0000" in printed
    assert main(["evaluate", path, str(photos), "--against", path]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "mAP 50:95 with the reference's boxes 1.0000" in printed


def test_a_precision_where_there_is_nothing_to_find_is_said_to_say_nothing(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, blind = artifact(tmp_path / "m.onnx"), artifact(tmp_path / "blind.onnx", 0.01)
    content = json.loads((tmp_path / "boxes.json").read_text()) | {"annotations": []}
    (tmp_path / "none.json").write_text(json.dumps(content))
    truth = ("--truth", str(tmp_path / "none.json"), "--limit", "1")
    assert main(["evaluate", path, str(photos), *truth, "--against", blind]) == 0
    said = capsys.readouterr().err
    assert f"no box in {tmp_path / 'none.json'}, so that a mean average precision of 0" in said
    assert f"{blind} finds no box at its threshold in these images, so that" in said


def test_boxes_need_truth_or_a_reference(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", artifact(tmp_path / "m.onnx"), str(photos)]) == 2
    assert "gives boxes; give --truth, a COCO file" in capsys.readouterr().err
