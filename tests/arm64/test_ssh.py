"""strop on an emulated Raspberry Pi that is reached with ssh, and has no strop of its own."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.arm64.conftest import Board
from tests.runtime.commands.check.test_check import SHORT, WIDE
from tests.runtime.remote.ssh_board import MISSING, SshBoard, ssh_board, wait_until
from tests.runtime.remote.test_ssh_board import start

from strop.cli import main
from strop.export.zoo.shipped import SHIPPED_VALIDATION
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.commands.check import question
from strop.runtime.reporting.paired import present_pairs

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

QUICK = ("--runs", "5", "--duration", "0", "--warmup", "1")


@pytest.fixture
def pi(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[SshBoard]:
    """A Pi 4 behind an sshd; with both engines, or those of the parameter."""
    computer = replace(board(engines=getattr(request, "param", "both")), has_strop=False)
    with ssh_board(tmp_path, home=computer.home, home_there="/home/pi") as started:
        started.login_by(computer.command("sh", "-c"))
        monkeypatch.setenv("PATH", f"{started.folder}/client:{os.environ['PATH']}")
        yield started


@pytest.mark.parametrize(
    ("kind", "kernels", "copied"), [("tflite", "xnnpack", ["1", "0"]), ("onnx", "mlas", ["1"])]
)
def test_a_record_of_the_pi_comes_home(
    pi: SshBoard,
    artifacts: dict[str, Path],
    kind: str,
    kernels: str,
    copied: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "record.json"
    words = ["bench", str(artifacts[kind]), "--target", pi.url, *QUICK, "--output", str(output)]
    for number in copied:
        assert main([*words, "--force"]) == 0
        assert re.findall(r"(\d) of 1 files copied", capsys.readouterr().err) == [number]
    record = BENCH_RECORD.loads(output.read_text(), where="record")
    (measured,) = record.artifacts
    assert measured.sha256 == sha256_file(artifacts[kind])
    assert measured.facts.kernels == kernels
    assert record.machine.arch == "aarch64"
    assert "Raspberry Pi 4" in str(record.machine.board)
    assert wait_until(pi.is_empty)


def test_classes_on_the_pi_are_those_here(
    pi: SshBoard, artifacts: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(artifacts["tflite"]), str(SHIPPED_VALIDATION), "--limit", "20"]
    found = []
    for flags in ((), ("--target", pi.url)):
        assert main([*words, "--json", *flags]) == 0
        record = json.loads(capsys.readouterr().out)
        found.append({name: record[name] for name in ("top1", "truth", "ranked")})
    assert found[0] == found[1]


def test_ctrl_c_leaves_nothing_running_on_the_pi(pi: SshBoard, artifacts: dict[str, Path]) -> None:
    words = ("bench", str(artifacts["tflite"]), "--target", pi.url, "--duration", "600")
    with start(*words) as here:
        assert pi.measures(here)
        here.send_signal(signal.SIGINT)
        assert here.wait(timeout=60) == 130
    assert wait_until(pi.is_empty)


def test_a_check_is_made_on_the_pi(
    pi: SshBoard,
    artifacts: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Two pairs could show a regression at this alpha: each process takes the emulator seconds.
    plan = replace(SHORT, quads=1, alpha=0.25)
    monkeypatch.setattr(question, "CheckPlan", lambda: plan)
    new, output = artifacts["tflite"], tmp_path / "report.json"
    words = ["check", str(new), "--baseline", str(new), "--target", pi.url, *WIDE, "--pairs", "2"]
    code = main([*words, "--max-drop", "5", "--output", str(output)])
    printed = capsys.readouterr().out
    report = CHECK_REPORT.loads(output.read_text(), where="report")
    (checked,) = report.artifacts
    # An emulated board is a busy one: its quads may all be disturbed.
    assert code == present_pairs(report, is_strict=False, has_accuracy=False).exit_code
    assert printed.startswith(f"{checked.decision.verdict.value.upper()} {new.name} p50 ")
    assert report.plan == replace(plan, tolerance=0.8, limit=0.99, pairs=2, seed=report.plan.seed)
    assert checked.subject.anatomy.facts.kernels == "xnnpack"
    assert "Raspberry Pi 4" in str(report.machine.board)
    assert wait_until(pi.is_empty)


def test_a_check_ended_by_ctrl_c_leaves_nothing_running_on_the_pi(
    pi: SshBoard, artifacts: dict[str, Path]
) -> None:
    new = str(artifacts["tflite"])
    with start("check", new, "--baseline", new, "--target", pi.url, "--threads", "2") as here:
        assert wait_until(lambda: pi.runs("strop.runtime.check.measure.worker"))
        here.send_signal(signal.SIGINT)
        assert here.wait(timeout=60) == 130
    assert wait_until(pi.is_empty)


@pytest.mark.parametrize("pi", ["onnx"], indirect=True)
def test_a_missing_engine_is_known_before_anything_is_copied(
    pi: SshBoard, artifacts: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(artifacts["tflite"]), "--target", pi.url, *QUICK]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "has no litert or tflite-runtime for .tflite" in error
    assert "pip install ai-edge-litert" in error
