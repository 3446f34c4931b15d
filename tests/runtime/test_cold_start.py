"""What a first result imports is counted, because every module more is waited for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.runtime.tiny_artifacts import onnx_bytes

from strop.runtime.artifact.contract import Contract

# Of strop's own; each takes 0.1 ms and more, of 100 ms for the engine's own script. Maps, boxes and
# points brought five: what a contract may say of them, and checks of it, 1.7 ms together.
MOST_MODULES = 37
# Of Python's own, that neither NumPy nor the engine imports.
OF_PYTHON = {"_json", "json", "json.decoder", "json.encoder", "json.scanner", "mmap", "zlib"}
PROBE = """
import sys
import numpy as np
import onnxruntime
before = set(sys.modules)
import strop.runtime
with strop.runtime.open(sys.argv[1]) as classifier:
    classifier.classify(np.zeros(classifier.input.shape[1:], np.uint8), top=1)
print(*sorted(set(sys.modules) - before))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("cold") / "tiny.onnx"
    labels = ("a", "b", "c", "d")
    path.write_bytes(onnx_bytes(Contract(height=16, width=16, labels=labels, strop_version="1")))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, os.fspath(path)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_first_result_waits_for_few_modules(imported: set[str]) -> None:
    ours = {name for name in imported if name.split(".")[0] == "strop"}
    assert len(ours) <= MOST_MODULES, sorted(ours)


def test_a_first_result_waits_for_little_of_python(imported: set[str]) -> None:
    others = {name for name in imported if name.split(".")[0] != "strop"}
    assert others <= OF_PYTHON
