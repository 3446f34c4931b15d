"""Exports that give vectors, through the command line: certificate, files, compare and search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.test_tasks import FORMATS, export, manifest, passes_its_selftest

import strop.runtime
from strop.cli import main
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Activation, Task
from strop.runtime.classify.vector_index import read_index
from strop.runtime.errors import ContractError, ImageError
from strop.runtime.images.dataset import list_images, pixels_in_order

layers = keras.layers
COLOURS = {"blue": (30, 40, 220), "green": (20, 200, 60), "red": (220, 30, 40)}


def colours(folder: Path, count: int, *, seed: int, is_sorted: bool = False) -> None:
    """Noisy images of three colours, in one subfolder each if they are sorted."""
    random = np.random.default_rng(seed)
    for i in range(count):
        name = list(COLOURS)[i % len(COLOURS)]
        shade = np.clip(random.normal(COLOURS[name], 30), 0, 255)
        pixels = np.clip(random.normal(shade, 8, (16, 16, 3)), 0, 255).astype("u1")
        path = (folder / name if is_sorted else folder) / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def colour_vectors(path: Path, *, end: Any = None, classes: int = 0) -> Path:
    """A network of eight features of the mean colour, as a .keras file."""
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, activation="relu")(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.Dense(8)(layers.GlobalAveragePooling2D()(x))
    if end is not None:
        x = end(x)
    if classes:
        x = layers.Dense(classes, activation="softmax")(x)
    keras.Model(image, x).save(path)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export of unit vectors in `out`, and the images it was made with."""
    folder = tmp_path_factory.mktemp("embedding")
    colours(folder / "calibration", 24, seed=0)
    colours(folder / "validation", 60, seed=1, is_sorted=True)
    model = colour_vectors(folder / "m.keras", end=layers.UnitNormalization())
    assert export(str(model), folder) == 0
    return folder


def test_the_certificate_has_cosines_neighbours_and_pairs(exported: Path) -> None:
    certificate = manifest(exported)["certificate"]
    assert certificate["task"] == "embed"
    model = keras.models.load_model(exported / "m.keras")
    images = list_images(exported / "validation")
    contract = read_contract(exported / "out" / "m.int8.tflite")
    assert contract is not None
    pixels = np.stack(list(pixels_in_order(images, contract))).astype(np.float32)
    floats = np.array(model(pixels), np.float64)
    kinds = np.array([path.parent.name for path in images])
    for found, form in zip(certificate["verdicts"], FORMATS, strict=True):
        artifact = exported / "out" / f"m.int8.{form}"
        contract = read_contract(artifact)
        assert contract is not None
        assert (contract.task, contract.activation) == (Task.EMBED, Activation.L2)
        assert contract.labels == ()
        with strop.runtime.open(artifact) as opened:
            vectors = np.array([opened.vector(path) for path in images])
            with pytest.raises(ContractError, match="a vector and no class"):
                opened.classify(images[0])
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
        cosines = (floats * vectors).sum(axis=1)
        assert found["embedding"]["cosine_worst"] == pytest.approx(cosines.min(), abs=1e-6)
        assert found["embedding"]["cosine_median"] > 0.99
        near = [each @ each.T - 9 * np.eye(60) for each in (floats, vectors)]
        same = (near[0].argmax(1) == near[1].argmax(1)).mean()
        assert found["agreement"] == pytest.approx(same)
        assert found["top1"] == pytest.approx((kinds[near[1].argmax(1)] == kinds).mean())
        assert found["embedding"]["verification"]["accuracy"] > 0.9
        assert passes_its_selftest(exported, form)
    page = (exported / "out" / "report.html").read_text()
    assert "recall@1" in page
    assert "have a cosine to float's vector below" in page


def test_images_are_found_by_their_vectors(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tflite, onnx = (str(exported / "out" / f"m.int8.{form}") for form in FORMATS)
    folder, index = exported / "validation", exported / "index.npz"
    assert main(["run", tflite, str(folder), "--vectors", str(index)]) == 0
    assert "60 vectors of 8 numbers" in capsys.readouterr().err
    assert len(read_index(index).vectors) == 60
    red = str(folder / "red" / "002.png")
    assert main(["search", onnx, str(index), red, "--top", "3", "--json"]) == 0
    printed = capsys.readouterr()
    assert "another model" not in printed.err
    (found,) = json.loads(printed.out)
    assert found["matches"][0]["image"] == red
    assert {Path(each["image"]).parent.name for each in found["matches"]} == {"red"}
    assert main(["compare", tflite, red, red]) == 0
    assert capsys.readouterr().out == "1.0000\n"
    assert main(["compare", tflite, red, str(folder / "blue" / "000.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cosine"] < 0.95
    assert main(["run", tflite, red, "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["images"]
    assert len(record["vector"]) == 8
    assert main(["evaluate", tflite, str(folder), "--against", onnx]) == 0
    rows = capsys.readouterr().out
    assert "same nearest image as the reference" in rows
    assert "60/60" in rows
    assert main(["evaluate", tflite, str(folder), "--json"]) == 0
    top1 = json.loads(capsys.readouterr().out)["top1"]
    assert top1["share"] == manifest(exported)["certificate"]["verdicts"][0]["top1"]


def test_a_classifier_without_its_head_gives_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = colour_vectors(tmp_path / "m.keras", classes=5)
    colours(tmp_path / "calibration", 24, seed=0)
    colours(tmp_path / "validation", 30, seed=1)
    (tmp_path / "out").mkdir()
    assert export(str(model), tmp_path, "--no-top", "--force") == 0
    assert "embed: a vector of 8 numbers" in capsys.readouterr().err
    artifact = tmp_path / "out" / "m_features.int8.tflite"
    contract = read_contract(artifact)
    assert contract is not None
    assert contract.activation is Activation.NONE
    whole = keras.models.load_model(model)
    features = keras.Model(whole.inputs, whole.layers[-1].input)
    images = list_images(tmp_path / "validation")
    pixels = np.stack(list(pixels_in_order(images, contract))).astype(np.float32)
    floats = np.array(features(pixels))
    with strop.runtime.open(artifact) as opened:
        vectors = np.array([opened.vector(path) for path in images])
        assert np.abs(vectors - floats).mean() < 0.01 * np.ptp(floats)
        blank = tmp_path / "blank.png"
        Image.new("RGB", (16, 16)).save(blank)
        opened.scores = lambda image: np.zeros(8, np.float32)  # type: ignore[method-assign]
        with pytest.raises(ImageError, match=r"blank\.png: its vector is all zeros"):
            opened.vector(blank)


def test_what_does_not_fit_a_vector_is_refused(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join("abcdefgh"))
    (tmp_path / "truth.csv").write_text("image,a\n")
    model = str(exported / "m.keras")
    refused = {
        ("--labels", str(tmp_path / "labels.txt")): "gives a vector, whose numbers have no names",
        ("--truth", str(tmp_path / "truth.csv")): "the answer of an embedding is a vector; sort",
        ("--threshold", "0.5"): "the task is embed, which has none",
        ("--task", "multilabel"): "so that no score stands alone; give --task embed",
    }
    for flags, text in refused.items():
        assert export(model, exported, *flags, "--force") == 2
        assert text in capsys.readouterr().err
    tflite = str(exported / "out" / "m.int8.tflite")
    image = str(exported / "validation" / "red" / "002.png")
    assert main(["run", tflite, image, "--vectors", str(tmp_path / "v.txt")]) == 2
    assert "vectors are written to .npz" in capsys.readouterr().err
    assert main(["search", tflite, str(tmp_path / "no.npz"), image]) == 2
    assert "needed is an index; write it again" in capsys.readouterr().err
    assert main(["compare", tflite, image, str(tmp_path / "no.png")]) == 2
    assert "no.png" in capsys.readouterr().err
