"""What TensorFlow writes is held back, and comes out where the work failed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from strop.export.tensorflow_logs import native_stderr_held


def test_lines_are_dropped_when_all_went_well(capfd: pytest.CaptureFixture[str]) -> None:
    with native_stderr_held():
        os.write(2, b"noise\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_lines_come_out_when_an_exception_leaves_the_block(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="failed"), native_stderr_held():  # noqa: PT012
        os.write(2, b"why\n")
        raise ValueError("failed")
    assert capfd.readouterr().err == "why\n"


def test_tensorflow_is_imported_without_a_word() -> None:
    code = (
        "from strop.export.tensorflow_logs import quiet_tensorflow;"
        " quiet_tensorflow(); import keras"
    )
    environment = {name: value for name, value in os.environ.items() if "TF_CPP" not in name}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
