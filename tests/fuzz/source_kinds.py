"""Damaged models that strop exports or trains from, and the files beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from tests.fuzz.archives import damaged_archive
from tests.fuzz.artifact_kinds import ZIP_START
from tests.fuzz.case import Command
from tests.fuzz.damage import damaged, one_of
from tests.fuzz.json_text import damaged_json
from tests.fuzz.keras_model import damage_hdf5, damaged_keras
from tests.fuzz.pickles import damaged_pickle
from tests.fuzz.saved_models import damage_saved_model
from tests.fuzz.tflite_model import damaged_tflite

IMAGES = ("--calibration-data", "images", "--min-images", "8")
EXPORTED = ("--effort", "fast", "-o", "out")
TRAINED = ("--model", "mobilenet_v2", "--size", "16", "--epochs", "2", "--batch-size", "4")


def _export(source: str, *flags: str) -> tuple[Command, ...]:
    return (Command(argv=("export", source, *IMAGES, *EXPORTED, *flags), writes=("out",)),)


def _with_images(seeds: Path, work: Path) -> None:
    shutil.copytree(seeds / "images", work / "images")


def make_keras(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A .keras archive."""
    _with_images(seeds, work)
    (work / "model.keras").write_bytes(damaged_keras(random, (seeds / "keras.keras").read_bytes()))
    return _export("model.keras")


def make_hdf5(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """An .h5 of Keras 3."""
    _with_images(seeds, work)
    shutil.copy(seeds / "hdf5.h5", work / "model.h5")
    damage_hdf5(random, work / "model.h5")
    return _export("model.h5")


def make_keras2(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """An .h5 of Keras 2."""
    _with_images(seeds, work)
    shutil.copy(one_of(random, sorted(seeds.glob("keras2_*.h5"))), work / "model.h5")
    damage_hdf5(random, work / "model.h5")
    return _export("model.h5")


def make_saved_model(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A SavedModel folder."""
    _with_images(seeds, work)
    shutil.copytree(seeds / "saved_model", work / "model")
    damage_saved_model(random, work / "model")
    return _export("model")


def make_tflite_source(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A float .tflite to be exported."""
    _with_images(seeds, work)
    whole = (seeds / "bundle" / "keras.float32.tflite").read_bytes()
    bare = whole[: whole.index(ZIP_START)]
    (work / "model.tflite").write_bytes(damaged_tflite(random, bare))
    return _export("model.tflite")


def make_other_file(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """Another kind of file under the name of a source."""
    _with_images(seeds, work)
    others = ("bundle/keras.float32.tflite", "tiny.onnx", "labels.txt", "zip.pth", "hdf5.h5")
    content = (seeds / one_of(random, others)).read_bytes()
    name = one_of(random, ("model.keras", "model.h5", "model.hdf5", "model.tflite", "model"))
    (work / name).write_bytes(content if random.random() < 0.5 else damaged(random, content))
    return _export(name)


def make_checkpoint(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """A .pth of either format."""
    _with_images(seeds, work)
    if random.random() < 0.5:
        content = damaged_archive(random, (seeds / "zip.pth").read_bytes(), _damaged_member)
    else:
        content = damaged_pickle(random, (seeds / "legacy.pth").read_bytes())
    (work / "weights.pth").write_bytes(content)
    argv = ("export", "mobilenet_v2", "--weights", "weights.pth", *IMAGES, *EXPORTED)
    return (Command(argv=argv, writes=("out",)),)


def _damaged_member(random: np.random.Generator, name: str, content: bytes) -> bytes:
    damage = damaged_pickle if name.endswith(".pkl") else damaged
    return damage(random, content)


def make_training(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """The state of a training that was ended, or the record beside a trained model."""
    _with_images(seeds, work)
    shutil.copytree(seeds / "training", work, dirs_exist_ok=True)
    shutil.copy(seeds / "hdf5.h5", work / "hdf5.h5")
    if random.random() < 0.5:
        path = work / "done.training.json"
        path.write_bytes(damaged_json(random, path.read_text()))
        return _export("done.keras")
    state = work / "model.training"
    path = state / one_of(random, ("settings.json", "settings.json", "latest.npz", "best.npz"))
    if path.suffix == ".json":
        path.write_bytes(damaged_json(random, path.read_text()))
    else:
        path.write_bytes(damaged_archive(random, path.read_bytes(), _damaged_state))
    writes = ("model.keras", "model.training", "model.training.json")
    argv = ("train", "images", *TRAINED, "--weights", "hdf5.h5", "-o", "model.keras")
    return (Command(argv=argv, writes=writes),)


def _damaged_state(random: np.random.Generator, name: str, content: bytes) -> bytes:
    return damaged(random, content, most=4)


def make_sweep(random: np.random.Generator, seeds: Path, work: Path) -> tuple[Command, ...]:
    """The record of a sweep's member, or the folder that it is in."""
    _with_images(seeds, work)
    shutil.copy(seeds / "keras.keras", work / "a.keras")
    shutil.copytree(seeds / "sweep", work / "sweep")
    for path in sorted((work / "sweep").rglob("*.json")):
        if random.random() < 0.7:
            path.write_bytes(damaged_json(random, path.read_text()))
    argv = ("sweep", "a.keras", *IMAGES, "--effort", "fast", "--format", "tflite")
    return (Command(argv=(*argv, "--duration", "0.01", "-o", "sweep"), writes=("sweep",)),)
