"""strop verify --rebuild: the same bytes again, or what differs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.fake_manifest import fake_manifest
from tests.export.model_fixtures import SIDE, images, saved, small_model

from strop.cli import main
from strop.export.rebuild import _differences


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its images, and what strop export made of them."""
    folder = tmp_path_factory.mktemp("made")
    saved(small_model(), folder / "small.keras")
    (folder / "images").mkdir()
    for at, pixels in enumerate(images(20).astype(np.uint8)):
        Image.fromarray(pixels).save(folder / "images" / f"{at:02}.png")
    given = ["--calibration-data", str(folder / "images"), "--effort", "fast"]
    files = ["--format", "tflite", "-o", str(folder / "bundle")]
    assert main(["export", str(folder / "small.keras"), *given, *files]) == 0
    return folder


def again(made: Path, *, model: str = "small.keras", photos: str = "images") -> list[str]:
    return [
        *("verify", str(made / "bundle"), "--rebuild", str(made / model)),
        *("--calibration-data", str(made / photos), "--json"),
    ]


def test_an_export_is_made_again_to_the_byte(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(again(made)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["is_verified"]
    assert [each["is_same"] for each in found["rebuilt"]["files"]] == [True]


def test_layers_that_decide_by_processor_are_named_on_another_architecture() -> None:
    made = fake_manifest()
    source = replace(made.source, engine="tensorflow")
    here = replace(made, source=source, by_processor=tuple("abcde"))
    there = replace(here, machine=replace(here.machine, arch="another"))
    said = list(_differences(there, here))
    assert said == [
        f"architecture another, here {here.machine.arch}",
        "TensorFlow's converter folds normalizations to other last digits by architecture",
        "float results of 5 layers have other last digits by architecture (a, b, c, ...)",
    ]
    assert not list(_differences(here, here))


def test_points_and_thresholds_are_asked_for_again(made: Path, tmp_path: Path) -> None:
    net = small_model()
    features = net.layers[-2].output
    points = keras.layers.Dense(4, name="points")(features)
    tags = keras.layers.Dense(3, activation="sigmoid", name="tags")(features)
    given = ["--calibration-data", str(made / "images"), "--effort", "fast", "--format", "tflite"]
    for number, (outputs, asked) in enumerate(
        (
            (points, ["--task", "landmarks", "--points", "pixels"]),
            (
                [points, tags],
                [
                    *("--task", "points=landmarks", "--points", "points=pixels"),
                    *("--task", "tags=multilabel", "--threshold", "tags=0.25"),
                ],
            ),
        )
    ):
        model, bundle = tmp_path / f"{number}.keras", tmp_path / f"bundle{number}"
        saved(keras.Model(net.input, outputs), model)
        assert main(["export", str(model), *given, *asked, "-o", str(bundle)]) == 0
        request = [*given[:2], "--rebuild", str(model)]
        assert main(["verify", str(bundle), *request]) == 0


def test_other_bytes_are_said_with_their_codes(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = Path(shutil.copytree(made, tmp_path / "copied"))
    manifest = copied / "bundle" / "manifest.json"
    record = json.loads(manifest.read_text())
    record["options"]["symmetric"] = True  # not what the file was made with
    record["versions"]["numpy"] = "1.0"
    manifest.write_text(json.dumps(record))
    assert main(again(copied)) == 1
    captured = capsys.readouterr()
    (file,) = json.loads(captured.out)["rebuilt"]["files"]
    assert not file["is_same"]
    assert 0 < file["differing"] <= 1
    assert file["largest"] >= 1
    assert captured.err.endswith(
        "error: exported again, small.int8.tflite has other bytes\n"
        f"numpy 1.0, here {np.__version__}\n"
    )


def test_another_model_and_other_images_are_named(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = Path(shutil.copytree(made, tmp_path / "copied"))
    (copied / "images" / "00.png").unlink()
    assert main(again(copied)) == 2
    assert "--calibration-data: 19 images of SHA-256" in capsys.readouterr().err
    other = small_model((SIDE, SIDE, 1))
    saved(other, copied / "other.keras")
    assert main(again(copied, model="other.keras")) == 2
    assert "give the model that it was made from" in capsys.readouterr().err
    assert main([*again(copied)[:2], "--truth", "x"]) == 2
    assert "--truth is of --rebuild; give that too" in capsys.readouterr().err
