"""What `strop export` says of a file that is split, or near rounding ties; else nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tests.export.graphs import mobile_block

from strop.cli import main
from strop.export.commands.export import outcome
from strop.export.inspect.contents import Delegation
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import ExportOptions
from strop.export.pipeline import Export, export
from strop.export.source.source import from_keras_model

layers = keras.layers
HEADING = "artifact partitions not delegated layer why"
SPLIT = Delegation(partitions=2, undelegated=(), is_whole=False)
NEAR_TIES = "kernels may differ by one code at"


def awkward_net() -> keras.Model:
    """A sign, which XNNPACK has not, and x + swish(x), which no scales fit."""
    keras.utils.set_random_seed(2)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3)(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(8, 1)(keras.ops.sign(x))
    x = layers.Add()([x, layers.Activation("swish", name="gate")(x)])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1)(x))
    return keras.Model(image, layers.Dense(4, activation="softmax")(x))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for index in range(20):
        coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize((24, 24), Image.Resampling.BILINEAR).save(folder / f"{index:02}.png")
    return folder


def exported(model: keras.Model, photos: Path, folder: Path, *flags: str) -> Path:
    model.save(folder / "small.keras")
    out = folder / "out"
    words = [str(folder / "small.keras"), "--calibration-data", str(photos), "-o", str(out)]
    assert main(["export", *words, "--effort", "fast", *flags]) == 0
    return out


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_split_file_says_what_splits_it_and_near_ties_are_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(awkward_net(), photos, tmp_path)
    printed = capsys.readouterr()
    lines = words(printed.out)
    split = lines[lines.index(HEADING) + 1].split(maxsplit=4)
    assert split[:3] == ["small.int8.tflite", "2", "SIGN"]
    assert "Sign" in split[3]
    assert split[4] == "XNNPACK has no SIGN"
    (note,) = (line for line in printed.err.splitlines() if line.startswith(NEAR_TIES))
    assert "gate" in note
    record = json.loads((out / "manifest.json").read_text())
    assert len(record["near_ties"]) == 2
    assert all(name in note for name in record["near_ties"])
    tflite, onnx = (artifact["delegation"] for artifact in record["artifacts"])
    assert onnx is None
    assert (tflite["partitions"], tflite["is_whole"]) == (2, False)
    (sign,) = tflite["undelegated"]
    assert (sign["kind"], sign["layer"], sign["reason"]) == (split[2], split[3], split[4])


def test_the_json_has_the_splits_and_the_near_ties(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(awkward_net(), photos, tmp_path, "--json")
    said = json.loads(capsys.readouterr().out)
    record = json.loads((out / "manifest.json").read_text())
    assert said["near_ties"] == record["near_ties"] != []
    assert [artifact["delegation"] for artifact in said["artifacts"]] == [
        artifact["delegation"] for artifact in record["artifacts"]
    ]


def test_a_file_in_one_partition_and_away_from_ties_says_nothing_of_either(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(mobile_block(activation="hard_swish"), photos, tmp_path)
    printed = capsys.readouterr()
    assert HEADING not in words(printed.out)
    assert NEAR_TIES not in printed.err
    record = json.loads((out / "manifest.json").read_text())
    assert record["near_ties"] == []
    assert record["artifacts"][0]["delegation"]["is_whole"]


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export(
        from_keras_model(mobile_block(), name="small"),
        ExportOptions(
            calibration=tuple(sorted(photos.iterdir())),
            output=tmp_path_factory.mktemp("made") / "out",
            effort=Effort.FAST,
        ),
    )


def with_delegation(made: Export, **changes: Any) -> Export:
    (artifact, *others) = made.manifest.artifacts
    artifacts = (replace(artifact, **changes), *others)
    return replace(made, manifest=replace(made.manifest, artifacts=artifacts))


def test_several_partitions_with_nothing_between_them_are_not_passed_over(
    made: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    split = with_delegation(made, delegation=SPLIT)
    outcome.show(split)
    assert "small.int8.tflite 2 - - reason unknown" in words(capsys.readouterr().out)


def test_only_an_int8_file_is_asked_to_be_whole(
    made: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome.show(with_delegation(made, delegation=SPLIT, precision=Precision.DYNAMIC))
    assert HEADING not in words(capsys.readouterr().out)


def test_more_than_five_near_ties_are_counted(
    made: Export, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = replace(made.manifest, near_ties=tuple("abcdefg"))
    outcome.show(replace(made, manifest=manifest))
    assert f"{NEAR_TIES} a, b, c, d, e and 2 more in manifest.json; no scale" in (
        capsys.readouterr().err
    )
