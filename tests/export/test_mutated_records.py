"""Records of the workstation's half, damaged: an error in one line, and never a traceback."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from tests.export.fake_manifest import cost, fake_manifest
from tests.export.sweep.fake_sweep import fake_sweep
from tests.runtime.test_mutated_records import ended, mutate

from strop.export.bundle.bundle import check_replaceable
from strop.export.bundle.manifest import MANIFEST_FORMAT
from strop.export.sweep.record import MEMBER, MEMBER_RECORD
from strop.export.training.recipe import Recipe
from strop.export.training.record import (
    TRAINING_RECORD,
    TrainedOutput,
    TrainingRecord,
    record_path,
    training_record,
)
from strop.export.training.state import LATEST, SETTINGS, Epoch, load, open_state, save
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Task
from strop.runtime.errors import StropError

EPOCH = Epoch(loss=1.5, training=(0.5,), validation=(0.4,), seconds=2.0)


def test_explain_takes_a_damaged_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(fake_manifest(), sensitivity=(cost("conv", 0.5), cost("dense", 0.1)))

    def explained(content: bytes) -> None:
        tmp_path.joinpath("manifest.json").write_bytes(content)
        ended(capsys, "explain", tmp_path)
        ended(capsys, "explain", tmp_path, "--json")
        check_replaceable(tmp_path, force=True)

    ended(capsys, "explain", tmp_path)
    text = MANIFEST_FORMAT.dumps(small)
    mutate(text, explained, 100)
    mutate(text.replace('"format_version": 5', '"format_version": 4'), explained, 100)


def test_a_damaged_record_of_a_sweep_is_refused(tmp_path: Path) -> None:
    fake_sweep(tmp_path)
    path = next(iter(sorted(tmp_path.glob(f"*/{MEMBER}"))))
    text = path.read_text()

    def tried(content: bytes) -> None:
        path.write_bytes(content)
        MEMBER_RECORD.read(path)

    mutate(text, tried, 200)


def test_a_damaged_record_of_a_training_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "m.keras"
    model.write_bytes(b"weights")
    record = TrainingRecord(
        strop_version="0.1.0",
        keras_version="3",
        tensorflow_version="2",
        sha256=sha256_file(model),
        recipe=Recipe(model="mobilenet_v2"),
        outputs=(
            TrainedOutput(
                name="size",
                task=Task.REGRESS,
                labels=("cm", "g"),
                validation=0.5,
                errors=(1.0, 2.0),
            ),
        ),
        training_images=(5, 6),
        validation_images=3,
        images_sha256="ab" * 32,
        best_epoch=1,
        epochs=(EPOCH,),
        seconds=3.0,
    )

    def tried(content: bytes) -> None:
        record_path(model).write_bytes(content)
        training_record(model)

    mutate(TRAINING_RECORD.dumps(record), tried, 200)


def test_a_damaged_state_of_a_training_is_refused(tmp_path: Path) -> None:
    recipe = Recipe(model="mobilenet_v2")
    open_state(tmp_path, recipe, "ab" * 32)
    settings = tmp_path / SETTINGS

    def reopened(content: bytes) -> None:
        settings.write_bytes(content)
        open_state(tmp_path, recipe, "ab" * 32)

    mutate(settings.read_text(), reopened, 150)
    path = tmp_path / LATEST
    save(path, [np.zeros((3, 3), np.float32)], [np.array(5)], [EPOCH])
    weights, optimizer, epochs = load(path)
    assert (weights[0].shape, int(optimizer[0]), epochs) == ((3, 3), 5, (EPOCH,))
    content = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] = rng.choice((0, 1, 39, 92, 127, 255))
        path.write_bytes(damaged)
        with suppress(StropError):
            load(path)

    def loaded(history: bytes) -> None:
        with path.open("wb") as file:
            np.savez(file, weight0=np.zeros(3), history=np.frombuffer(history, np.uint8))
        load(path)

    mutate(json.dumps([asdict(EPOCH)]), loaded, 150)
