"""A network whose answer is a map, from the source to the board's commands."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from strop.cli import main
from strop.export.bundle.manifest import read_manifest
from strop.export.frontend.source_decision import source_decision
from strop.export.source.source import load_model_file
from strop.runtime.artifact.artifact import read_contract, sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.artifact.golden import read_golden
from strop.runtime.check.judge.certified import certified
from strop.runtime.classify.classifier import open as open_artifact
from strop.runtime.classify.golden_columns import MOST_PIXELS
from strop.runtime.classify.map_answer import MapAnswer
from strop.runtime.errors import ContractError

SIDE, PICTURE = 48, (80, 60)
NAMES = ("red", "green", "blue")
COUNT = 24


def network(end: str) -> keras.Model:
    """The brightest channel of a picture that was made smaller, and larger again."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = keras.layers.AveragePooling2D(2)(image)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(x)
    x = keras.layers.Conv2D(3, 1, name="scores")(x)
    x = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
    made = keras.Model(image, keras.layers.Softmax()(x) if end == "softmax" else x)
    rng = np.random.default_rng(1)
    stem = rng.normal(0, 0.002, (3, 3, 3, 8)).astype(np.float32)
    for channel in range(3):
        stem[1, 1, channel, channel] = 0.03
    made.get_layer("stem").set_weights([stem, np.zeros(8, np.float32)])
    scores = rng.normal(0, 0.02, (1, 1, 8, 3)).astype(np.float32)
    scores[0, 0, :3] += np.eye(3, dtype=np.float32)
    made.get_layer("scores").set_weights([scores, np.zeros(3, np.float32)])
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of colours, and masks that say which; one corner is not counted."""
    root, rng = tmp_path_factory.mktemp("maps"), np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(COUNT):
        blocks = rng.integers(0, 3, (4, 5), np.uint8)
        mask = blocks.repeat(15, axis=0).repeat(16, axis=1)
        pixels = rng.integers(0, 80, (*mask.shape, 3), np.uint8)
        np.put_along_axis(pixels, mask[..., None].astype(np.int64), 200, axis=2)
        mask[:8, :8] = 255
        Image.fromarray(pixels).save(root / "images" / f"{number:02}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:02}.png")
    (root / "labels.txt").write_text("\n".join(NAMES))
    scores = network("scores")
    scores.save(root / "net.keras")
    chosen = keras.ops.argmax(scores.output, axis=-1)
    keras.Model(scores.input, chosen).save(root / "classes.keras")
    network("softmax").save(root / "soft.keras")
    return root


def exported(data: Path, name: str, *more: str) -> int:
    images = str(data / "images")
    flags = ("--calibration-data", images, "--validation-data", images, "--effort", "fast")
    asked = ("export", str(data / f"{name}.keras"), "--output", str(data / "out" / name), *flags)
    return main([*asked, "--task", "segment", "--resize", "stretch", *more])


@pytest.fixture(scope="module")
def bundle(data: Path) -> Path:
    flags = ("--labels", str(data / "labels.txt"), "--truth", str(data / "masks"))
    assert exported(data, "net", *flags, "--max-drop", "1") == 0
    return data / "out" / "net"


def test_the_certificate_counts_pixels_and_compares_with_masks(bundle: Path) -> None:
    certificate = read_manifest(bundle).certificate
    assert (certificate.task, certificate.names) == (Task.SEGMENT, NAMES)
    assert certificate.float_top1 is not None
    assert certificate.float_top1 > 0.9
    assert certificate.one_answer.mean_iou < 0.2
    for found in certificate.verdicts:
        assert found.maps is not None
        assert not found.not_certified
        assert found.agreement is not None
        assert found.agreement > 0.99
        assert set(found.maps.ious) == set(found.maps.true_ious) == set(NAMES)
        assert found.maps.mean_iou == pytest.approx(np.mean(list(found.maps.ious.values())))
        assert found.top1 == pytest.approx(np.mean(list(found.maps.true_ious.values())))
        assert found.drop == pytest.approx(certificate.float_top1 - (found.top1 or 0))
        assert found.drop_interval.low <= found.drop <= found.drop_interval.high


def test_both_files_give_the_same_map_of_the_picture(bundle: Path, data: Path) -> None:
    picture = data / "images" / "03.png"
    maps = []
    for form in ("tflite", "onnx"):
        path = bundle / f"net.int8.{form}"
        contract = read_contract(path)
        assert contract is not None
        assert (contract.task, contract.labels) == (Task.SEGMENT, NAMES)
        with open_artifact(path) as opened:
            (answer,) = opened.answer(picture).outputs.values()
        assert isinstance(answer, MapAnswer)
        assert answer.classes.shape == (SIDE, SIDE)
        assert answer.classes.dtype == np.uint8
        assert answer.in_image().shape == PICTURE[::-1]
        assert sum(answer.shares().values()) == pytest.approx(1)
        maps.append(answer.classes)
    np.testing.assert_array_equal(maps[0], maps[1])


def test_golden_vectors_have_some_pixels_and_the_self_test_holds_them(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = read_golden(bundle / "net.golden.npz")
    assert golden.codes.shape == (4, MOST_PIXELS * len(NAMES))
    for form in ("tflite", "onnx"):
        assert main(["run", str(bundle / f"net.int8.{form}"), "--selftest", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["selftest"]
        assert found["is_certified"]
        assert found["found"] == found["expected"]
        assert min(map(len, found["expected"])) > MOST_PIXELS / 2


def test_the_contract_is_enough_for_run_and_evaluate(
    bundle: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture = str(bundle / "net.int8.tflite"), str(data / "images" / "03.png")
    assert main(["run", file, picture, "--json"]) == 0
    (plain,) = json.loads(capsys.readouterr().out)["images"]
    assert main(["run", file, picture, "--masks", str(tmp_path), "--json"]) == 0
    (drawn,) = json.loads(capsys.readouterr().out)["images"]
    assert plain["shares"] == drawn["shares"]
    assert list(plain["shares"]) == sorted(plain["shares"], key=lambda name: -plain["shares"][name])
    with Image.open(tmp_path / "03.mask.png") as mask, Image.open(drawn["overlay"]) as overlay:
        assert mask.size == overlay.size == PICTURE
    assert main(["run", file, str(data / "images"), "--jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[3])["shares"] == plain["shares"]
    asked = ("evaluate", file, str(data / "images"), "--masks", str(data / "masks"), "--json")
    assert main([*asked, "--against", str(bundle / "net.int8.onnx")]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["found"]["mean_iou"]["value"] > 0.9
    assert record["between"]["pixels"]["value"] == 1.0


def test_the_promise_of_the_certificate_is_checked(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("tflite", "onnx"):
        path = bundle / f"net.int8.{form}"
        found = certified(path, sha256_file(path))
        assert found.high <= 0.01
        assert found.one_answer_drop is not None
        assert found.one_answer_drop > 0.5
    page = (bundle / "report.html").read_text()
    assert "mIoU with float" in page
    assert page.count("data:image/jpeg;base64,") == 8
    assert page.count(": the same class on ") == 4
    assert "img-src data:" in page
    assert main(["inspect", str(bundle / "net.int8.tflite")]) == 0
    assert "segment" in capsys.readouterr().out


def test_an_argmax_at_the_end_is_left_out(data: Path) -> None:
    found = load_model_file(data / "classes.keras")
    assert found.shapes == ((SIDE, SIDE, len(NAMES)),)
    model = tf.Module()
    model.serve = tf.function(
        lambda image: tf.argmax(image, axis=-1),
        input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)],
    )
    tf.saved_model.save(model, str(data / "saved"), signatures=model.serve)
    with pytest.raises(ContractError, match="the class of each pixel, by an argmax; end the model"):
        source_decision(load_model_file(data / "saved"), task=Task.SEGMENT)


def test_a_softmax_of_each_pixel_is_left_out_of_the_file_or_kept(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(data, "soft") == 0
    printed = capsys.readouterr()
    assert "no masks: the drop is what the mean IoU with float's maps lacks to 1" in printed.err
    folder = data / "out" / "soft"
    scores, kept = folder / "soft.int8.tflite", data / "out" / "kept"
    assert exported(data, "soft", "--result", "probabilities", "--output", str(kept)) == 0
    pictures = data / "images" / "03.png"
    maps = []
    for path in (scores, kept / "soft.int8.tflite"):
        with open_artifact(path) as opened:
            maps.append(opened.class_map(pictures).classes)
            sums = opened.scores(pictures).reshape(-1, 3).sum(axis=1)
        assert np.allclose(sums, 1, atol=3 / 256) == (path != scores)
    assert (maps[0] == maps[1]).mean() > 0.99


def test_a_mask_that_does_not_fit_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in (data / "masks").iterdir():
        (masks / path.name).write_bytes(path.read_bytes())
    Image.new("L", PICTURE, 7).save(masks / "05.png")
    more = ("--truth", str(masks), "--precision", "float32", "--output", str(tmp_path / "out"))
    assert exported(data, "net", *more) == 2
    told = capsys.readouterr().err
    assert "05.png: a pixel of class 7, and there are 3 classes" in told
    assert "convert, fold" not in told  # nothing was begun, which takes minutes
