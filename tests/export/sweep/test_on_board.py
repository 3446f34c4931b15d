"""A sweep's files are measured on the board that is named: a real sshd, with a tiny .onnx."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.export.sweep.fake_sweep import PLAN, Exporter, artifact, job
from tests.runtime.remote.ssh_board import MISSING, ssh_board, wait_until
from tests.runtime.tiny_artifacts import LABELS, onnx_bytes

from strop.export.sweep.make import Job, Made
from strop.export.sweep.sweep import Steps, sweep
from strop.runtime.artifact.contract import Activation, Contract
from strop.runtime.remote.address import target_from_url

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
CONTRACT = Contract(
    height=16, width=16, activation=Activation.SOFTMAX, labels=LABELS, source="tiny"
)


@dataclass
class RealExporter(Exporter):
    """Makes a file that runs, but for the network "damaged"."""

    def make(self, job: Job) -> Made:
        made = super().make(job)
        network = job.member.network
        file = f"{network}.int8.onnx"
        content = b"nothing" if network == "damaged" else onnx_bytes(CONTRACT)
        record = replace(made.record, artifacts=(artifact(file, content, 0.5),))
        return Made(record=record, files=((file, content),))


def test_latency_is_the_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = RealExporter()
    steps = Steps(make=exporter.make, open_executor=exporter.open_executor)
    (tmp_path / "board").mkdir()
    with ssh_board(tmp_path / "board") as board:
        monkeypatch.setenv("PATH", f"{board.folder}/client:{os.environ['PATH']}")
        plan = replace(PLAN, duration_s=0.01, target=target_from_url(board.url))
        found = sweep(tmp_path / "sweep", [job("a"), job("damaged")], plan, steps)
        assert wait_until(board.is_empty)
        assert board.cache.is_dir()
    measured, failed = found.entries
    assert measured.latency is not None
    assert measured.latency.engine.startswith("onnxruntime")
    assert failed.latency is None
    assert "neither a .tflite nor an ONNX model" in str(failed.latency_error)
    # What was measured there is kept, and does not stand for this machine.
    assert plan.record_of(tmp_path / "sweep/a.int8/a.int8.onnx").is_file()
    assert plan.key != PLAN.key
    again = sweep(tmp_path / "sweep", [job("a")], plan, steps)
    assert again.entries == (measured,)
