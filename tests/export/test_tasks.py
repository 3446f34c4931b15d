"""Exports of a binary, a multilabel and a regression model, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Task
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.images.dataset import list_images, pixels_in_order

layers = keras.layers
FORMATS = ("tflite", "onnx")


def mean_colour_model(path: Path, weights: Any, biases: Any, activation: str | None) -> str:
    """Scores of the mean red, green and blue, 0..1, as a .keras file."""
    image = keras.Input((16, 16, 3))
    same = layers.Conv2D(3, 1, activation="relu", use_bias=False, name="same")
    x = layers.GlobalAveragePooling2D()(same(layers.Rescaling(1 / 255)(image)))
    head = layers.Dense(len(biases), activation=activation, name="head")
    model = keras.Model(image, head(x))
    same.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    head.set_weights([np.array(weights, np.float32), np.array(biases, np.float32)])
    model.save(path)
    return str(path)


def drawn(folder: Path, count: int, *, seed: int, most: int = 256) -> Any:
    """Noisy images of one colour each; their mean colours, 0..1."""
    random = np.random.default_rng(seed)
    colours = random.integers(0, most, (count, 3))
    folder.mkdir(parents=True)
    pixels = [np.clip(random.normal(each, 4, (16, 16, 3)), 0, 255).astype("u1") for each in colours]
    for i, each in enumerate(pixels):
        Image.fromarray(each).save(folder / f"{i:03}.png")
    return np.array([each.mean((0, 1)) for each in pixels]) / 255


def table(path: Path, names: tuple[str, ...], rows: Any) -> str:
    lines = [",".join(("image", *names))]
    lines += [f"{i:03}.png," + ",".join(map(str, row)) for i, row in enumerate(rows.tolist())]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def export(model: str, folder: Path, *flags: str) -> int:
    calibration, validation = (str(folder / name) for name in ("calibration", "validation"))
    data = ("--calibration-data", calibration, "--validation-data", validation)
    out = ("--effort", "fast", "-o", str(folder / "out"))
    return main(["export", model, *data, *out, *flags])


def manifest(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "out" / MANIFEST).read_text())
    return record


def scores(folder: Path, form: str) -> Any:
    images = list_images(folder / "validation")
    with strop.runtime.open(folder / "out" / f"m.int8.{form}") as opened:
        return np.array([opened.scores(path) for path in images])


def passes_its_selftest(folder: Path, form: str) -> bool:
    return main(["run", str(folder / "out" / f"m.int8.{form}"), "--selftest"]) == 0


def test_a_calibration_that_is_too_dark_breaks_the_promise_of_one_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = mean_colour_model(tmp_path / "m.keras", [[20], [0], [0]], [-10], "sigmoid")
    drawn(tmp_path / "calibration", 24, seed=0, most=25)
    reds = drawn(tmp_path / "validation", 100, seed=1)[:, 0]
    assert export(model, tmp_path, "--max-drop", "5", "--keep-failed", "--threshold", "0.5") == 1
    printed = capsys.readouterr()
    assert "binary: 1 at 0.5 or above, 0 below" in printed.err
    assert "not certified: the float model answers" in printed.err
    certificate = manifest(tmp_path)["certificate"]
    assert (certificate["task"], certificate["thresholds"]) == ("binary", [0.5])
    for found, form in zip(certificate["verdicts"], FORMATS, strict=True):
        by_hand = ((scores(tmp_path, form)[:, 0] >= 0) == (reds >= 0.5)).mean()
        assert found["agreement"] == by_hand
        assert 0.4 < by_hand < 0.6
        assert found["not_certified"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "NOT CERTIFIED: m.int8.tflite" in page


def test_one_score_is_certified_by_two_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = mean_colour_model(tmp_path / "m.keras", [[20], [0], [0]], [-10], None)
    drawn(tmp_path / "calibration", 24, seed=0)
    reds = drawn(tmp_path / "validation", 60, seed=1)[:, 0]
    for i, red in enumerate(reds):
        path = tmp_path / "validation" / f"{i:03}.png"
        kind = tmp_path / "validation" / ("lit" if red >= 0.5 else "dim")
        kind.mkdir(exist_ok=True)
        path.rename(kind / path.name)
    assert export(model, tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split()[:3] == ["artifact", "MiB", "right"]
    assert "binary: lit at 0 or above, dim below" in printed.err
    certificate = manifest(tmp_path)["certificate"]
    assert certificate["names"] == ["dim", "lit"]
    assert certificate["float_top1"] == 1
    for found, form in zip(certificate["verdicts"], FORMATS, strict=True):
        assert found["top1"] > 0.9
        assert (found["top5"], found["not_certified"]) == (None, "")
        artifact = tmp_path / "out" / f"m.int8.{form}"
        contract = read_contract(artifact)
        assert contract is not None
        assert (contract.task, contract.thresholds) == (Task.BINARY, (0.0,))
        assert contract.labels == ("dim", "lit")
        assert passes_its_selftest(tmp_path, form)
        assert main(["evaluate", str(artifact), str(tmp_path / "validation"), "--json"]) == 0
        record = json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))
        assert record["top1"]["share"] == found["top1"]


def test_sets_of_labels_are_certified_in_both_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = mean_colour_model(tmp_path / "m.keras", 20 * np.eye(3), [-10] * 3, "sigmoid")
    drawn(tmp_path / "calibration", 24, seed=0)
    is_set = (drawn(tmp_path / "validation", 80, seed=1) >= 0.5).astype(int)
    names = ("red", "green", "blue")
    (tmp_path / "labels.txt").write_text("\n".join(names))
    truth = table(tmp_path / "truth.csv", names, is_set)
    flags = ("--labels", str(tmp_path / "labels.txt"), "--truth", truth, "--max-drop", "20")
    assert export(model, tmp_path, *flags) == 0
    assert "multilabel: each of 3 labels at 0.5 or above" in capsys.readouterr().err
    certificate = manifest(tmp_path)["certificate"]
    assert certificate["float_top1"] == certificate["float_mean_average_precision"] == 1
    for found, form in zip(certificate["verdicts"], FORMATS, strict=True):
        answers = (scores(tmp_path, form) >= 0).astype(int)
        assert found["top1"] == (answers == is_set).all(axis=1).mean()
        assert found["agreement"] == found["top1"]
        assert found["label_agreement"] == (answers == is_set).mean(axis=0).tolist()
        assert found["mean_average_precision"] > 0.99
        assert passes_its_selftest(tmp_path, form)
    artifacts = [str(tmp_path / "out" / f"m.int8.{form}") for form in FORMATS]
    words = ["evaluate", artifacts[0], str(tmp_path / "validation"), "--against", artifacts[1]]
    assert main([*words, "--truth", truth]) == 0
    lines = capsys.readouterr().out.splitlines()
    (same,) = (line for line in lines if line.startswith("same set of labels as the reference"))
    assert same.split()[-1] == "80/80"


def test_numbers_are_certified_by_their_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = [[100, 0], [0, 5], [0, 0]]
    model = mean_colour_model(tmp_path / "m.keras", weights, [-20, 1], None)
    drawn(tmp_path / "calibration", 24, seed=0)
    numbers = drawn(tmp_path / "validation", 50, seed=1)[:, :2] * [100, 5] + [-20, 1]
    truth = table(tmp_path / "truth.csv", ("angle", "size"), numbers)
    assert export(model, tmp_path, "--task", "regress", "--truth", truth, "--max-drop", "3") == 0
    printed = capsys.readouterr()
    assert "regress: the scores are the answer" in printed.err
    assert len(printed.out.splitlines()[1:][:5]) == 5
    # Both numbers share int8's one scale, of which the smaller one takes a twentieth.
    (end,) = manifest(tmp_path)["float_layers"]["ends"]
    assert (end["images"], end["is_held_out"]) == (24, False)
    assert end["ops"] > 0
    for each, made in zip(end["files"], manifest(tmp_path)["artifacts"], strict=True):
        assert each["float_end"] < end["limit"] < each["int8"]
        assert "float32" in made["outputs"][0]
        assert made["delegation"] is None or made["delegation"]["partitions"] == 1
    assert "the end is in float" in printed.err
    assert "the end is in float" in (tmp_path / "out" / "report.html").read_text()
    certificate = manifest(tmp_path)["certificate"]
    contract = read_contract(tmp_path / "out" / "m.int8.onnx")
    assert contract is not None
    images = list(pixels_in_order(list_images(tmp_path / "validation"), contract))
    floats = np.array(keras.models.load_model(model)(np.array(images, np.float32)), np.float64)
    for found, form in zip(certificate["verdicts"], FORMATS, strict=True):
        made = scores(tmp_path, form)
        assert [error["output"] for error in found["errors"]] == ["angle", "size"]
        for i, error in enumerate(found["errors"]):
            from_float, off = (np.abs(made[:, i] - each[:, i]) for each in (floats, numbers))
            assert error["mean"] == pytest.approx(from_float.mean(), rel=1e-4)
            assert error["largest"] == pytest.approx(from_float.max(), rel=1e-4)
            assert error["truth_mean"] == pytest.approx(off.mean(), rel=1e-6)
            assert error["spread"] == pytest.approx(floats[:, i].std(ddof=1), rel=1e-5)
        assert (found["agreement"], found["top1"]) == (None, None)
        assert found["drop"] < 0.1
        assert passes_its_selftest(tmp_path, form)
    assert main(["explain", str(tmp_path / "out")]) == 2  # no costs with --effort fast


def test_a_model_that_answers_all_images_alike_is_not_certified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = 1e-3 * np.random.default_rng(0).normal(size=(3, 5))
    model = mean_colour_model(tmp_path / "m.keras", spoilt, [1, 0, 0, 0, 0], "softmax")
    for name, seed in (("calibration", 0), ("validation", 1)):
        drawn(tmp_path / name, 40, seed=seed)
    assert export(model, tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split()[-1] == "certified"
    assert printed.out.splitlines()[2].split()[-1] == "no"
    assert "NOT CERTIFIED: m.int8.tflite: the float model answers 'class 0' to 40 of 40" in (
        printed.err
    )
    assert "check that the model is trained" in printed.err
    assert export(model, tmp_path, "--max-drop", "50", "--force") == 1
    assert "a file that always answers 'class 0' would have a drop of +0.00 points" in (
        capsys.readouterr().err
    )


def test_what_does_not_fit_the_scores_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = mean_colour_model(tmp_path / "m.keras", [[20], [0], [0]], [-10], "sigmoid")
    for name in ("calibration", "validation"):
        drawn(tmp_path / name, 20, seed=0)
    (tmp_path / "labels.txt").write_text("a\nb\nc")
    refused = {
        ("--labels", str(tmp_path / "labels.txt")): "one score, and there are 3 labels; needed are",
        ("--task", "classify"): "with one score it is binary or regress",
        ("--task", "regress", "--threshold", "0.5"): "the task is regress, which has none",
        ("--task", "regress", "--labels", str(tmp_path / "labels.txt")): "has 1 numbers, and there",
        ("--task", "embed"): "the task is embed, which takes several scores, and there is one",
        ("--threshold", "0.2,0.3"): "2 thresholds for 1 scores",
        ("--truth", str(tmp_path / "no.csv")): "No such file",
    }
    for flags, text in refused.items():
        assert export(one, tmp_path, *flags) == 2
        assert text in capsys.readouterr().err
