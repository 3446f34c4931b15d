"""An emulated Raspberry Pi, and artifacts with their golden vectors in its home folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.arm64.emulated_boards import write_board
from tests.arm64.environment import Environment, make, obstacle
from tests.arm64.root_filesystem import site_packages

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


# Exports the shipped model if it is not there, and a vector and two numbers of the mean colour of
# 16 x 16 pixels.
EXPORTS = """
import sys
from pathlib import Path
from strop.cli import main
import keras
layers, home, data = keras.layers, Path(sys.argv[1]), sys.argv[2]
def export(*words):
    if main(["export", *words, "--effort", "fast"]):
        sys.exit(1)
if not (home / "made").exists():
    export("-o", str(home / "made"))
for name, width, end in (("vector", 8, layers.UnitNormalization()), ("numbers", 2, None)):
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(width)(layers.GlobalAveragePooling2D()(x))
    keras.Model(image, x if end is None else end(x)).save(home / f"{name}.keras")
    task = "regress" if end is None else "embed"
    export(str(home / f"{name}.keras"), "--task", task, "--calibration-data", data, "-o",
           str(home / name))
"""


@pytest.fixture(scope="session")
def artifacts(emulated: Environment) -> dict[str, Path]:
    """The shipped model's int8 files by their suffix, on this host; also in the board's home.

    Beside them, in folders of their names, are those of a vector and of numbers. `.ci/run` has
    exported the shipped model for its gate, and says where that is.
    """
    if "STROP_EXPORTED" in os.environ:
        shutil.copytree(os.environ["STROP_EXPORTED"], emulated.home / "made")
    exported = subprocess.run(
        [sys.executable, "-c", EXPORTS, emulated.home, SHIPPED_CALIBRATION],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    folder = emulated.home / "made"
    return {kind: folder / f"{MODEL_NAME}.int8.{kind}" for kind in ("tflite", "onnx")}


@pytest.fixture(scope="session")
def board(emulated: Environment) -> Board:
    """board(cpu, engines=...): a Raspberry Pi with this processor and these engines."""

    def switch_on(cpu: str = DEFAULT_CPU, *, engines: str = "both") -> Environment:
        write_board(cpu, emulated.folder / "board")
        return replace(emulated, cpu=cpu, site=site_packages(emulated.system, engines))

    return switch_on
