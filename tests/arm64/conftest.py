"""An emulated Raspberry Pi, and artifacts with their golden vectors in its home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.arm64.emulated_boards import write_board
from tests.arm64.environment import Environment, make, obstacle
from tests.arm64.root_filesystem import site_packages

from strop.export.zoo.shipped import MODEL_NAME

Board = Callable[..., Environment]


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
    """The shipped model's int8 files by their suffix, on this host; also in the board's home."""
    exported = subprocess.run(
        [sys.executable, "-m", "strop", "export", "--effort", "fast", "-o", emulated.home / "made"],
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

    def switch_on(cpu: str = "cortex-a72", *, engines: str = "both") -> Environment:
        write_board(cpu, emulated.folder / "board")
        return replace(emulated, cpu=cpu, site=site_packages(emulated.system, engines))

    return switch_on
