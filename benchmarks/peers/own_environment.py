"""Environments of peers whose dependencies are not ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

INSTALL_TIMEOUT_S = 600


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Make one with uv, and return its Python.

    Raises:
        FileNotFoundError: uv is not installed.
        RuntimeError: The installation failed; the text is its last line.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError(f"uv is not on the PATH; it makes {folder.name}")
    python = folder / "bin" / "python"
    run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], INSTALL_TIMEOUT_S)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), *packages]
    run(install, INSTALL_TIMEOUT_S)
    return python


def run(command: Sequence[str], timeout_s: int, *, cwd: Path | None = None) -> str:
    """Run a program of an environment, whose other programs it finds, and return what it writes.

    Raises:
        RuntimeError: It failed; the text is its last line.
    """
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        check=False,
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise RuntimeError(f"{Path(command[0]).name} exited with {done.returncode}: {lines[-1]}")
    return done.stdout
