"""Points as numbers and as heat maps, through export, run and evaluate."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

import strop.runtime
from strop.cli import main
from strop.export.bundle.charts import _nearness
from strop.export.library import options_for
from strop.export.options.choices import Effort
from strop.export.pipeline import Export, export
from strop.export.source.source import from_keras_model
from strop.runtime.artifact.artifact import read_contract
from strop.runtime.artifact.contract import Points, PointUnit, ResizeRule, Task
from strop.runtime.artifact.golden import read_golden
from strop.runtime.classify.landmarks import LandmarksAnswer
from strop.runtime.errors import ContractError, SourceError

SIDE, MAP = 32, 16
NAMES = ("red", "green")
IMAGES = 24
SIZE = (60, 80)  # width and height of a picture


def maps_of(image: keras.KerasTensor) -> keras.KerasTensor:
    """Two maps, high where the picture is red, and where it is green."""
    layer = keras.layers.Conv2D(2, 1, activation="relu", name="redness")
    found = layer(keras.layers.Rescaling(1 / 255)(image))
    weights = np.array([[1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], np.float32)
    layer.set_weights([weights.reshape(1, 1, 3, 2), np.zeros(2, np.float32)])
    return keras.layers.AveragePooling2D(2)(found)


def heat_maps() -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3))
    return keras.Model(image, maps_of(image))


def numbers() -> keras.Model:
    """Centres of light in pixels of the input, and behind each a third number."""
    image = keras.Input((SIDE, SIDE, 3))
    flat = keras.layers.Flatten()(maps_of(image))
    dense = keras.layers.Dense(6, name="points")
    model = keras.Model(image, dense(flat))
    middles = (np.arange(MAP) + 0.5) * SIDE / MAP
    weights = np.zeros((MAP, MAP, 2, 6), np.float32)
    for point in range(2):
        weights[:, :, point, 3 * point] = middles[None, :]
        weights[:, :, point, 3 * point + 1] = middles[:, None]
        weights[:, :, point, 3 * point + 2] = 1
    dense.set_weights([weights.reshape(-1, 6) / light(), np.zeros(6, np.float32)])
    return model


def light() -> float:
    """How much light a spot leaves in its map."""
    pixels = np.asarray(picture([(30, 40), (-50, -50)]).resize((SIDE, SIDE)), np.float32) / 255
    return float(pixels[..., 0].sum()) / 4


def picture(places: list[tuple[float, float]]) -> Image.Image:
    found = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(found)
    for (x, y), colour in zip(places, ((255, 0, 0), (0, 255, 0)), strict=True):
        draw.rectangle((x - 5, y - 5, x + 4, y + 4), fill=colour)
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a red and a green square, and the table of their middles."""
    folder = tmp_path_factory.mktemp("points")
    random = np.random.default_rng(0)
    (folder / "images").mkdir()
    rows: list[list[object]] = [["image", *(f"{name}_{axis}" for name in NAMES for axis in "xy")]]
    for at in range(IMAGES):
        left = (int(random.integers(8, 24)), int(random.integers(10, 70)))
        right = (int(random.integers(36, 52)), int(random.integers(10, 70)))
        picture([left, right]).save(folder / "images" / f"{at:02}.png")
        rows.append([f"{at:02}.png", *left, *right])
    rows[1][3:] = ["", ""]  # a point that is not there
    with (folder / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def exported(model: keras.Model, name: str, photos: Path, points: Points | None) -> Export:
    source = from_keras_model(model, name=name)
    options = options_for(
        source,
        photos / name,
        calibration=photos / "images",
        validation=photos / "images",
        truth=photos / "truth.csv",
        task=Task.LANDMARKS,
        points=points,
    )
    how = replace(options, resize=ResizeRule.STRETCH, effort=Effort.FAST, max_drop=40.0)
    return export(source, how)


@pytest.fixture(scope="module")
def made(photos: Path) -> dict[str, Export]:
    """An export of each kind."""
    pixels = Points(unit=PointUnit.PIXELS, numbers=3)
    return {
        "numbers": exported(numbers(), "numbers", photos, pixels),
        "maps": exported(heat_maps(), "maps", photos, None),
    }


KINDS = ("numbers", "maps")


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificate_has_distances_from_float_and_from_the_truth(
    kind: str, made: dict[str, Export]
) -> None:
    for verdict in made[kind].certificate.verdicts:
        errors = verdict.points
        assert errors is not None
        assert errors.truth is not None
        assert errors.reference_truth is not None
        # A map's pixel is 1/16 of the input, a spot's middle at most half of one off.
        assert errors.reference_truth.mean < 0.04
        assert errors.found.mean < 0.01
        assert verdict.drop == errors.drop
        assert _nearness(verdict) == (errors.found.mean, errors.found.mean_interval)
        assert not verdict.not_certified
    assert made[kind].broken == ()
    page = (made[kind].folder / "report.html").read_text()
    assert "mean distance from the float model, % of the longer side" in page
    assert "files has at most " in page
    assert page.count("data:image/jpeg;base64,") == 8
    assert page.count("% of the longer side apart in the mean,") == 4


@pytest.mark.parametrize("kind", KINDS)
def test_both_files_have_the_same_codes_and_the_contract_says_what_they_are(
    kind: str, made: dict[str, Export], photos: Path
) -> None:
    tflite, onnx = made[kind].paths
    contracts = [read_contract(path) for path in (tflite, onnx)]
    for contract in contracts:
        assert contract is not None
        assert (contract.task, contract.labels) == (Task.LANDMARKS, NAMES)
        pixels = Points(unit=PointUnit.PIXELS, numbers=3)
        assert contract.points == (pixels if kind == "numbers" else None)
    with strop.runtime.open(tflite) as one, strop.runtime.open(onnx) as other:
        for image in sorted((photos / "images").iterdir())[:4]:
            # Dequantized by float32 in two ways; a code is far larger.
            assert one.scores(image) == pytest.approx(other.scores(image), abs=1e-4)
    assert read_golden(made[kind].folder / f"{kind}.golden.npz").bound == 0


@pytest.mark.parametrize("kind", KINDS)
def test_points_come_back_in_the_pictures_own_pixels(
    kind: str, made: dict[str, Export], tmp_path: Path
) -> None:
    """Also of a picture that lies on its side and says so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    places = [(16.0, 30.0), (44.0, 60.0)]
    path = tmp_path / "turned.jpg"
    picture(places).transpose(Image.Transpose.ROTATE_90).save(
        path, exif=exif, quality=95, subsampling=0
    )
    with strop.runtime.open(made[kind].paths[0]) as opened:
        (answer,) = opened.answer(path).outputs.values()
        assert isinstance(answer, LandmarksAnswer)
        assert tuple(point.label for point in answer.points) == NAMES
        for point, (x, y) in zip(answer.points, places, strict=True):
            # A map's pixel is 60 / 16 wide and 80 / 16 high.
            assert abs(point.x - x) < 3
            assert abs(point.y - y) < 3
            assert len(point.others) == 1
        with pytest.raises(ContractError, match=r"of the task landmarks .* Classifier.answer"):
            opened.classify(path)


@pytest.mark.parametrize("kind", KINDS)
def test_commands_print_points(
    kind: str, made: dict[str, Export], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = photos / "images" / "01.png"
    artifact = str(made[kind].paths[0])
    assert main(["run", artifact, str(image), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["images"]
    assert [point["label"] for point in found["points"]] == list(NAMES)
    assert main(["run", artifact, str(image)]) == 0
    assert "point" in capsys.readouterr().out
    assert main(["run", artifact, "--selftest"]) == 0
    asked = [artifact, str(photos / "images"), "--truth", str(photos / "truth.csv")]
    other = ["--against", str(made[kind].paths[1])]
    assert main(["evaluate", *asked, *other]) == 0
    assert "off the truth, points within 5 %" in capsys.readouterr().out
    assert main(["evaluate", *asked, *other, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["targets"][0][2:] == [None, None]
    assert record["against"]["points"]["found"]["mean"] == pytest.approx(0, abs=1e-6)
    assert record["points"]["near"] > 0.9


def cells_of(photos: Path) -> Iterator[list[str]]:
    with (photos / "truth.csv").open(newline="") as file:
        yield from csv.reader(file)


@pytest.mark.parametrize(
    ("row", "cells", "message"),
    [
        (1, ["00.png", "1", "2", "3", ""], "line 2: a point has one of x and y"),
        (1, ["00.png", "1", "2", "3", "x"], "line 2: could not convert string to float"),
        (1, ["00.png", "1", "2", "3", "nan"], "line 2: not finite"),
        (
            0,
            ["image", "a_x", "a_y"],
            "2 columns behind the image's, and there are 4 numbers, x and",
        ),
        (0, ["image", "red_x", "red_y", "b_x", "b_y"], "not one column is called 'green_x'"),
    ],
)
def test_tables_that_are_none_are_refused(
    row: int,
    cells: list[str],
    message: str,
    made: dict[str, Export],
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = list(cells_of(photos))
    rows[row] = cells
    with (tmp_path / "bad.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    asked = [str(made["maps"].paths[0]), str(photos / "images")]
    assert main(["evaluate", *asked, "--truth", str(tmp_path / "bad.csv")]) == 2
    assert message in capsys.readouterr().err
    assert main(["evaluate", *asked]) == 2
    assert "points without a truth" in capsys.readouterr().err


def test_what_is_no_landmark_model_is_refused(photos: Path) -> None:
    with pytest.raises(ContractError, match=r"heat maps .* have no unit; leave out --points"):
        exported(heat_maps(), "maps", photos, Points())
    with pytest.raises(ContractError, match="6 numbers are no points of 4 numbers each"):
        exported(numbers(), "numbers", photos, Points(numbers=4))
    source = from_keras_model(numbers(), name="numbers")
    with pytest.raises(ContractError, match="the task is not landmarks; give --task landmarks"):
        options_for(source, photos / "none", calibration=photos / "images", points=Points())
    options = options_for(
        source, photos / "none", calibration=photos / "images", task=Task.LANDMARKS
    )
    with pytest.raises(SourceError, match="has 3 points, and there are 1 labels"):
        export(source, replace(options, labels=("nose",)))
