"""A detector from a Keras file to boxes in a picture: contract, certificate, both formats."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from tests.export import fake_manifest

import strop.runtime
from strop.cli import main
from strop.export.bundle.picture_pairs import difference_of_boxes
from strop.export.bundle.score_notes import score_notes
from strop.export.options.detector import judged_by
from strop.runtime.artifact.contract import Activation, ResizeRule, Task
from strop.runtime.artifact.detection import AnchorMap, BoxCoding, Detection, ScoreActivation
from strop.runtime.classify.decision import Decision
from strop.runtime.classify.detect_answer import FoundBox, answer_of_boxes
from strop.runtime.detect.detection_file import DETECTION
from strop.runtime.detect.read_boxes import Boxes

MAPS = (
    AnchorMap(rows=4, columns=4, sizes=((0.3, 0.3), (0.5, 0.4))),
    AnchorMap(rows=2, columns=2, sizes=((0.6, 0.6), (0.9, 0.5))),
)
DETECTION_OF_IT = Detection(
    coding=BoxCoding.SSD,
    maps=MAPS,
    background=True,
    activation=ScoreActivation.SOFTMAX,
    score_threshold=0.35,
)
LABELS = ("shoe", "bag")
IMAGES = 24


def detector(path: Path) -> Path:
    """Write random weights of 40 anchors, two classes and a background."""
    keras.utils.set_random_seed(3)
    x = pixels = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    fine = layers.Conv2D(8, 3, 4, "same", activation="relu")(x)
    coarse = layers.Conv2D(8, 3, 2, "same", activation="relu")(fine)
    found: dict[str, list[object]] = {"boxes": [], "scores": []}
    for each in (fine, coarse):
        for name, numbers in (("boxes", 4), ("scores", 3)):
            spread = keras.initializers.RandomNormal(0, 1)
            made = layers.Conv2D(2 * numbers, 3, padding="same", kernel_initializer=spread)(each)
            found[name].append(layers.Reshape((-1, numbers))(made))
    outputs = {name: layers.Concatenate(1, name=name)(each) for name, each in found.items()}
    keras.Model(pixels, outputs).save(path)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export it once, with COCO's boxes; the folder has photos and the bundle."""
    folder = tmp_path_factory.mktemp("detect")
    model = detector(folder / "tiny.keras")
    DETECTION.write(DETECTION_OF_IT, folder / "tiny.detection.json")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    photos = folder / "photos"
    photos.mkdir()
    random = np.random.default_rng(1)
    for at in range(IMAGES):
        pixels = random.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(pixels).resize((40, 20)).save(photos / f"{at:02}.png")
    content = {
        "images": [{"id": at, "file_name": f"{at:02}.png"} for at in range(IMAGES)],
        "annotations": [
            {"image_id": at, "category_id": 1 + at % 2, "bbox": [5, 5, 12, 10]}
            for at in range(IMAGES)
        ],
        "categories": [{"id": at, "name": name} for at, name in enumerate(LABELS, 1)],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    flags = {
        "--calibration-data": photos,
        "--validation-data": photos,
        "--truth": folder / "boxes.json",
        "--labels": folder / "labels.txt",
        "--output": folder / "bundle",
        "--resize": "letterbox",
        "--effort": "fast",
    }
    given = [str(each) for pair in flags.items() for each in pair]
    assert main(["export", str(model), *given]) == 0
    return folder


def test_the_contract_says_how_boxes_are_read(exported: Path) -> None:
    for form in ("tflite", "onnx"):
        with strop.runtime.open(exported / f"bundle/tiny.int8.{form}") as opened:
            contract = opened.contract
            assert opened.box_labels == LABELS
        assert contract.detection == DETECTION_OF_IT
        assert contract.resize is ResizeRule.LETTERBOX
        assert [(one.name, one.task, one.activation) for one in contract.outputs] == [
            ("boxes", Task.DETECT, Activation.NONE),
            ("scores", Task.DETECT, Activation.NONE),
        ]


def test_both_files_find_the_same_boxes_with_a_scale_for_each_output(exported: Path) -> None:
    files = [exported / f"bundle/tiny.int8.{form}" for form in ("tflite", "onnx")]
    with strop.runtime.open(files[0]) as one, strop.runtime.open(files[1]) as other:
        assert len({head.info.scale for head in one.heads}) == 2
        total = 0
        for path in sorted((exported / "photos").iterdir())[:6]:
            first, second = one.raw_boxes(path), other.raw_boxes(path)
            assert np.allclose(first.corners, second.corners, atol=1e-4)
            assert first.classes.tolist() == second.classes.tolist()
            total += len(first)
    assert total > 0


def test_the_certificate_is_of_boxes(exported: Path) -> None:
    certificate = json.loads((exported / "bundle/manifest.json").read_text())["certificate"]
    assert certificate["task"] == "detect"
    assert certificate["images"] == IMAGES
    for found in certificate["verdicts"]:
        # Random weights find boxes anywhere, and int8 nearly the same ones.
        assert found["agreement"] > 0.7
        lost = certificate["float_top1"] - found["top1"]
        assert found["drop"] == pytest.approx(lost, abs=1e-9)
        assert found["drop_interval"]["low"] <= lost <= found["drop_interval"]["high"]
    page = (exported / "bundle/report.html").read_text()
    assert "mAP with float" in page
    low = min(found["agreement_interval"]["low"] for found in certificate["verdicts"])
    assert (
        f"the float model's boxes with a mAP of at least {100 * low:.2f} %, and"
        in html.unescape(page)
    )
    assert page.count("data:image/jpeg;base64,") == 8
    assert html.unescape(page).count("boxes of both, IoU 0.") == 4
    assert len(page.encode()) < 2**21


def test_the_page_names_boxes_that_one_of_both_has() -> None:
    def found(*boxes: tuple[int, int, float]) -> tuple[Boxes, list[FoundBox]]:
        left, kinds, scores = (np.array(each) for each in zip(*boxes, strict=True))
        corners = np.stack((0 * left, left, 0 * left + 10, left + 10), axis=1).astype(np.float64)
        as_boxes = Boxes(corners=corners, classes=kinds, scores=scores)
        return as_boxes, list(answer_of_boxes(as_boxes, LABELS).boxes)

    own = found((0, 0, 0.9), (40, 1, 0.8), (80, 0, 0.7))
    other = found((1, 0, 0.85), (40, 0, 0.8), (82, 0, 0.6))
    assert difference_of_boxes(own, other) == (
        "2 boxes of both, IoU 0.67 or more, scores at most 0.10 apart;"
        " float alone: bag 0.80; the file alone: shoe 0.80"
    )
    many = found(*((20 * at, 1, 0.5) for at in range(5)))
    nothing: list[FoundBox] = []
    none = own[0].chosen(np.array([], np.int64)), nothing
    assert difference_of_boxes(none, none) == "no box by either"
    assert difference_of_boxes(many, none) == (
        "float alone: bag 0.50, bag 0.50, bag 0.50 and 2 more"
    )


def test_golden_vectors_hold(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(exported / "bundle/tiny.int8.onnx"), "--selftest"]) == 0
    assert "self-test passed" in capsys.readouterr().err


def test_a_detector_without_anchors_is_one_line(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "bare.keras"
    model.write_bytes((exported / "tiny.keras").read_bytes())
    given = ["--calibration-data", str(exported / "photos"), "--task", "detect"]
    assert main(["export", str(model), *given]) == 2
    assert "nothing says how a box is coded and where its anchors are" in capsys.readouterr().err
    (tmp_path / "bare.detection.json").write_text('{"format_version": 1, "coding": "ssd"}')
    assert main(["export", str(model), *given]) == 2
    assert "without anchors" in capsys.readouterr().err


def test_scores_of_boxes_are_judged_by_their_shares() -> None:
    boxes = Decision(task=Task.DETECT, scores=160, activation=Activation.NONE, shape=(40, 4))
    scores = Decision(task=Task.DETECT, scores=120, activation=Activation.NONE, shape=(40, 3))
    softmax = judged_by([boxes, scores], DETECTION_OF_IT)
    assert softmax[0] is boxes
    assert softmax[1].is_map
    assert softmax[1].of_pixel.scores == 3
    sigmoid = replace(DETECTION_OF_IT, activation=ScoreActivation.SIGMOID, background=False)
    (labels,) = judged_by([boxes, scores], sigmoid)[1:]
    assert (labels.task, labels.activation) == (Task.MULTILABEL, Activation.SIGMOID)
    assert len(labels.thresholds) == 120
    joined = replace(sigmoid, scores=0)
    assert judged_by([boxes], joined) == [boxes]


def test_a_detector_of_one_output_is_told_how_to_have_two() -> None:
    verdict = fake_manifest.verdict("net.int8.tflite")
    made = replace(fake_manifest.certificate(), task=Task.DETECT, verdicts=(verdict,))
    (note,) = score_notes(made)
    assert "name what it joins in --outputs" in note
    assert not score_notes(replace(made, output="boxes"))
    assert not score_notes(replace(made, verdicts=(replace(verdict, artifact="net.tflite"),)))
