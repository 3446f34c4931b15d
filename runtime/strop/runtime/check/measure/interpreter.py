"""Another Python, with an engine of its own, for one side of a comparison.

That Python needs numpy and an engine. It runs a copy of our device half, so that the same code
times both sides.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strop.engine_watch import folder_prefix
from strop.runtime.errors import OutputError, PlanError
from strop.runtime.remote.device_half import device_half


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """A Python and the strop that it runs.

    Attributes:
        python: Path of the executable, links not followed: that is what makes it a venv's.
        half: The folder of the copy.
    """

    python: str
    half: Path

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The environment of its processes."""
        return {**given, "PYTHONPATH": str(self.half)}


@contextmanager
def two_interpreters(other: Path) -> Iterator[tuple[Interpreter, Interpreter]]:
    """The other Python, and ours, both with the same strop; a context manager.

    Args:
        other: Path of a Python, usually VENV/bin/python.

    Raises:
        PlanError: It is not a Python, or lacks numpy.
        OutputError: No room for the copy.
    """
    # A bare name would be looked up on PATH by the system; here it is a path.
    python = str(Path.cwd() / other)
    if not os.access(python, os.X_OK) or Path(python).is_dir():
        raise PlanError(
            f"--baseline-python {other}: not a program; needed is a Python with numpy and an"
            " engine, as VENV/bin/python"
        )
    with tempfile.TemporaryDirectory(prefix=folder_prefix("check")) as folder:
        half = Path(folder)
        try:
            with zipfile.ZipFile(io.BytesIO(device_half())) as packed:
                packed.extractall(half)
        except OSError as err:
            raise OutputError(
                f"{folder}: {err.strerror}; make room, or set TMPDIR to another folder"
            ) from err
        found = Interpreter(python=python, half=half)
        _require_numpy(found, other)
        yield found, Interpreter(python=sys.executable, half=half)


def _require_numpy(found: Interpreter, other: Path) -> None:
    try:
        done = subprocess.run(
            [found.python, "-c", "import strop.runtime.check.measure.worker"],
            env=found.environment(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as err:
        raise PlanError(f"--baseline-python {other}: {err.strerror}; needed is a Python") from err
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PlanError(
            f"--baseline-python {other}: cannot run strop: {reason}; needed is Python 3.10 or later"
            " with numpy and an engine"
        )
