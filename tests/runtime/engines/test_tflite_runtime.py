"""tflite-runtime wants NumPy 1 and Python <= 3.11, so it runs in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.tiny_artifacts import COLOURS

import strop.runtime

RUNTIME = Path(__file__).resolve().parents[3] / "runtime"
PACKAGES = ("tflite-runtime==2.14.0", "numpy<2", "Pillow>=10")
INSTALL_TIMEOUT_S = 300
CLASSIFY = """
import json, sys
from dataclasses import asdict
import numpy as np
import strop.runtime
answers = []
with strop.runtime.open(sys.argv[1], engine=sys.argv[2] or None) as classifier:
    for colour in json.loads(sys.argv[3]):
        pixels = np.full((16, 16, 3), colour, np.uint8)
        best = classifier.classify(pixels, top=1)[0].index
        answers.append((best, classifier.scores(pixels).tolist()))
    print(json.dumps({"facts": asdict(classifier.facts), "answers": answers}))
"""

pytestmark = [
    pytest.mark.skipif(
        sys.version_info >= (3, 12), reason="tflite-runtime has no wheels for Python > 3.11"
    ),
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which installs it, is not on PATH"),
]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflite-runtime") / "venv"
    found = folder / "bin" / "python"
    for command in (
        ("uv", "venv", "--quiet", "--python", sys.executable, str(folder)),
        ("uv", "pip", "install", "--quiet", "--python", str(found), *PACKAGES),
    ):
        subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_S)
    return found


@pytest.mark.parametrize("engine", ["", "tflite-runtime"])
def test_tflite_runtime_gives_litert_s_classes(
    python: Path, tiny_tflite: Path, engine: str
) -> None:
    ended = subprocess.run(
        [python, "-c", CLASSIFY, tiny_tflite, engine, json.dumps(COLOURS)],
        env={**os.environ, "PYTHONPATH": str(RUNTIME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["facts"]["engine"] == "tflite-runtime"
    assert found["facts"]["version"] == "2.14.0"
    # Its XNNPACK takes float only: a float file says xnnpack here, an int8 file must not.
    assert (found["facts"]["kernels"], found["facts"]["partitions"]) == ("builtin", 0)
    with strop.runtime.open(tiny_tflite) as classifier:
        for colour, (best, scores) in zip(COLOURS, found["answers"], strict=True):
            pixels = np.full((16, 16, 3), colour, np.uint8)
            assert best == classifier.classify(pixels, top=1)[0].index
            # One code: the two have different kernels.
            assert (
                np.abs(scores - classifier.scores(pixels)).max() <= classifier.output.scale * 1.01
            )
