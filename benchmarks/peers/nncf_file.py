"""NNCF's int8 .onnx, made in an environment of its own: its dependencies are not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from peers.onnx_files import INPUT
from peers.peer import Built, Task

SCRIPT = Path(__file__).with_name("nncf_quantize.py")
PACKAGES = ("nncf", "onnx", "onnxruntime")
INSTALL_TIMEOUT_S = 600
QUANTIZE_TIMEOUT_S = 900


def nncf_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """nncf.quantize of the float .onnx, with full bias correction.

    Raises:
        FileNotFoundError: uv, which makes the environment, is not installed.
        RuntimeError: The installation or the quantization failed; the text is its last line.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise FileNotFoundError("uv is not on the PATH; it makes NNCF's environment")
    environment = task.folder / "nncf-environment"
    python = environment / "bin" / "python"
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], INSTALL_TIMEOUT_S)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES]
    _run(install, INSTALL_TIMEOUT_S)
    images = task.folder / "nncf-images.npy"
    np.save(images, np.concatenate(list(task.inputs())).astype(np.uint8))
    path = task.folder / "onnx-nncf.onnx"
    answer = _run(
        [str(python), str(SCRIPT), str(made["onnx-float"].path), INPUT, str(images), str(path)],
        QUANTIZE_TIMEOUT_S,
    )
    options: dict[str, object] = json.loads(answer.splitlines()[-1])
    return Built(path=path, options=options)


def _run(command: list[str], timeout_s: int) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, cwd=SCRIPT.parent
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise RuntimeError(f"{Path(command[0]).name} exited with {done.returncode}: {lines[-1]}")
    return done.stdout
