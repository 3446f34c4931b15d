"""An emulated Raspberry Pi, and artifacts with their golden vectors in its home folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import pytest
from tests.arm64.emulated_boards import write_board
from tests.arm64.environment import Environment, make, obstacle
from tests.arm64.root_filesystem import SYSTEMS, root_filesystem, site_packages

from strop.cli import main
from strop.export.zoo.shipped import MODEL_NAME, SHIPPED_CALIBRATION

Board = Callable[..., Environment]
DEFAULT_CPU = "cortex-a72"


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """What all boards here share."""
    found = obstacle()
    if found is not None:
        # Set where the board must be had, so that its absence is not taken for success.
        (pytest.fail if "STROP_REQUIRE_ARM64" in os.environ else pytest.skip)(found)
    return make(tmp_path_factory.mktemp("arm64"))


@pytest.fixture(scope="session")
def artifacts(emulated: Environment) -> dict[str, Path]:
    """The shipped model's int8 files by their suffix, on this host; also in the board's home.

    Beside them, in folders of their names, are those of a vector and of numbers. `.ci/run` has
    exported the shipped model for its gate, and says where that is.
    """
    if "STROP_EXPORTED" in os.environ:
        shutil.copytree(os.environ["STROP_EXPORTED"], emulated.home / "made")
    else:
        _export("-o", str(emulated.home / "made"))
    _export_other(emulated.home / "vector", width=8, task="embed")
    _export_other(emulated.home / "numbers", width=2, task="regress")
    folder = emulated.home / "made"
    return {kind: folder / f"{MODEL_NAME}.int8.{kind}" for kind in ("tflite", "onnx")}


def _export(*words: str) -> None:
    assert main(["export", *words, "--effort", "fast"]) == 0


def _export_other(folder: Path, *, width: int, task: str) -> None:
    """A vector of length 1, or numbers, of the mean colour of 16 x 16 pixels."""
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.Dense(width)(keras.layers.GlobalAveragePooling2D()(x))
    made = folder.with_suffix(".keras")
    end = keras.layers.UnitNormalization()(x) if task == "embed" else x
    keras.Model(image, end).save(made)
    data = ("--calibration-data", str(SHIPPED_CALIBRATION))
    _export(str(made), "--task", task, *data, "-o", str(folder))


@pytest.fixture(scope="session")
def board(emulated: Environment) -> Board:
    """board(cpu, engines=..., system=...): a Raspberry Pi with this processor and these."""

    def switch_on(
        cpu: str = DEFAULT_CPU, *, engines: str = "both", system: str = "bookworm"
    ) -> Environment:
        write_board(cpu, emulated.folder / "board")
        found = SYSTEMS[system]
        site = site_packages(found, engines)
        return replace(emulated, cpu=cpu, system=found, root=root_filesystem(found), site=site)

    return switch_on
