"""`strop baseline` from the command line, and a check against what it promoted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.commands.check.test_check import SHORT, WIDE
from tests.runtime.tiny_artifacts import onnx_bytes

from strop import cli
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.artifact.contract import Contract
from strop.runtime.baseline.directory import BaselineDirectory
from strop.runtime.commands import baseline
from strop.runtime.commands.check import question

Strop = Callable[..., int]


@pytest.fixture
def strop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Strop:
    """The command line in an empty folder, with short measurements."""
    monkeypatch.setattr(baseline, "CheckPlan", lambda **_: SHORT)
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    monkeypatch.chdir(tmp_path)
    return lambda *words: cli.main(list(map(str, words)))


def test_an_artifact_is_recorded_promoted_shown_and_checked_against(
    strop: Strop, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = sha256_file(tiny_onnx)
    recorded = ("baseline", "record", tiny_onnx, "--into", "kept", "--processes", "2")
    assert strop(*recorded, "--machine", "dedicated") == 0
    assert capsys.readouterr().out.startswith(f"tiny.int8.onnx {sha256[:12]} p50 ")
    assert strop("check", tiny_onnx, "--baseline", "kept") == 4  # a candidate is no baseline

    named = ("--into", "kept", "--name", "tiny", "--reason", "the first", "--by", "ada")
    assert strop("baseline", "promote", tiny_onnx, *named) == 0
    assert f"tiny: none -> {sha256[:12]}" in capsys.readouterr().out

    assert strop("baseline", "show", "kept", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["models"][0]["reason"] == "the first"
    (artifact,) = shown["artifacts"]
    assert artifact["has_file"]
    assert artifact["sessions"][0]["machine_class"] == "dedicated"
    assert strop("baseline", "show", "kept") == 0
    assert "the first" in capsys.readouterr().out

    assert strop("check", tiny_onnx, "--baseline", "kept#tiny", *WIDE) == 0
    assert capsys.readouterr().out.startswith("PASS tiny.int8.onnx p50 ")


def test_a_session_keeps_what_each_process_measured(strop: Strop, tiny_onnx: Path) -> None:
    strop("baseline", "record", tiny_onnx, "--into", "kept", "--processes", "2")
    (session,) = BaselineDirectory(Path("kept")).sessions(sha256_file(tiny_onnx))
    assert len(session.processes) == 2
    for process in session.processes:
        assert len(process.block_p50_ns) == len(process.block_runs) == 8
        assert min(process.block_runs) >= SHORT.block_runs
        assert min(process.yardstick.gemm_ns, process.yardstick.loop_ns) > 0
    medians = [process.p50_ns for process in session.processes if process.p50_ns is not None]
    assert session.p50_ns == sum(medians) / 2


def test_a_report_is_what_a_later_baseline_is_promoted_by(
    strop: Strop, tiny_onnx: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    later = Path("later.onnx")
    later.write_bytes(onnx_bytes(replace(contract, source="later")))
    named = ("--into", "kept", "--name", "tiny", "--reason", "renamed its source")
    for artifact in (tiny_onnx, later):
        assert strop("baseline", "record", artifact, "--into", "kept", "--processes", "1") == 0
    assert strop("baseline", "promote", tiny_onnx, *named) == 0
    assert strop("baseline", "promote", later, *named) == 4
    assert "needed to replace it is --from REPORT" in capsys.readouterr().err
    assert strop("check", later, "--baseline", "kept#tiny", *WIDE, "--output", "r.json") == 0
    assert strop("baseline", "promote", sha256_file(later)[:8], *named, "--from", "r.json") == 0
    promoted = BaselineDirectory(Path("kept")).index().of("tiny")
    assert promoted is not None
    assert (promoted.sha256, promoted.replaces) == (sha256_file(later), sha256_file(tiny_onnx))
    assert promoted.evidence[0].startswith("pass p50 ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("show", "gone"), 4, "gone: no such folder"),
        (("show",), 2, "required"),
        ((), 2, "required"),
        (
            ("record", "gone.onnx", "--into", "kept"),
            2,
            "gone.onnx: No such file or directory; check the path",
        ),
        (("record", "gone.onnx", "--into", "kept", "--processes", "0"), 2, "--processes 0"),
        (("promote", "abcdef", "--into", "kept", "--name", "m", "--reason", "r"), 4, "0 artifacts"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_made(
    strop: Strop,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert strop("baseline", *words) == code
    assert message in capsys.readouterr().err
    assert not Path("kept").exists()
