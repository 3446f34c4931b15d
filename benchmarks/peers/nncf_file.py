"""NNCF's int8 .onnx, made in an environment of its own: its dependencies are not ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from peers.onnx_files import INPUT
from peers.own_environment import environment, run
from peers.peer import Built, Task

SCRIPT = Path(__file__).with_name("nncf_quantize.py")
PACKAGES = ("nncf", "onnx", "onnxruntime")
QUANTIZE_TIMEOUT_S = 900


def nncf_onnx(task: Task, made: Mapping[str, Built]) -> Built:
    """nncf.quantize of the float .onnx, with full bias correction.

    Raises:
        FileNotFoundError: uv, which makes the environment, is not installed.
        RuntimeError: The installation or the quantization failed; the text is its last line.
    """
    python = environment(task.folder / "nncf-environment", PACKAGES)
    images = task.folder / "nncf-images.npy"
    np.save(images, np.concatenate(list(task.inputs())).astype(np.uint8))
    path = task.folder / "onnx-nncf.onnx"
    answer = run(
        [str(python), str(SCRIPT), str(made["onnx-float"].path), INPUT, str(images), str(path)],
        QUANTIZE_TIMEOUT_S,
        cwd=SCRIPT.parent,
    )
    options: dict[str, object] = json.loads(answer.splitlines()[-1])
    return Built(path=path, options=options)
