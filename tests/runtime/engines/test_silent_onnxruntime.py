"""Opening an .onnx leaves nothing in the user's home, and reports to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.tiny_artifacts import onnx_bytes

OPENED = (
    "import os, sys; from strop.runtime.engines import open_engine;"
    " open_engine(sys.argv[1]).close(); print(os.environ['ORT_DISABLE_TELEMETRY'])"
)


@pytest.mark.parametrize("switch", [None, "1", "true"])
def test_opening_an_onnx_writes_nothing(switch: str | None, tmp_path: Path) -> None:
    artifact = tmp_path / "tiny.onnx"
    artifact.write_bytes(onnx_bytes(None))
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(home))
    environment = {**os.environ, **places}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    if switch is not None:
        environment["ORT_DISABLE_TELEMETRY"] = switch
    argv = [sys.executable, "-c", OPENED, str(artifact)]
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == (switch or "1")
    assert list(home.rglob("*")) == []


def test_every_import_of_onnxruntime_is_the_silent_one() -> None:
    importing = {
        path.relative_to(half).as_posix()
        for half in ("export", "runtime")
        for path in Path(half).rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("import onnxruntime", "from onnxruntime"))
    }
    # The other is a consumer's reader: strop.export.consumers.process starts it with the switch.
    assert importing == {
        "strop/runtime/engines/silent_onnxruntime.py",
        "strop/export/consumers/readers/onnxruntime.py",
    }
