"""`strop check` from the command line, on a tiny .onnx where ONNX Runtime is installed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.check.judge.test_report import FASTER, PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.pairs import pair
from tests.runtime.check.reports import report_of

from strop import cli
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import CHECK_REPORT, CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Pair
from strop.runtime.check.modes import paired
from strop.runtime.commands.check import question

# Thresholds that a busy machine's noise cannot reach in two pairs.
SHORT = CheckPlan(
    stage1_pairs=2,
    block_duration_s=0.01,
    lead_in_duration_s=0.001,
    warmup_duration_s=0.05,
    max_warmup_duration_s=0.1,
    max_invalid_share=0.9,
    min_valid_quads=1,
)
WIDE = ("--tol", "80", "--limit", "99")

Measured = Callable[..., None]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measured:
    """Puts made-up pairs in the place of a measurement."""

    def put(*artifacts: Sequence[Pair]) -> None:
        def check_paired(*_: object, **__: object) -> CheckReport:
            return report_of(tmp_path / "pi", *artifacts)

        monkeypatch.setattr(paired, "check_paired", check_paired)

    return put


def ended(*words: str) -> int:
    return cli.main(["check", "new.tflite", "--baseline", "old.tflite", *words])


def test_a_file_against_its_copy_passes_and_the_report_is_kept(
    tiny_onnx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    copy, output = tmp_path / "copy.onnx", tmp_path / "r.json"
    shutil.copy(tiny_onnx, copy)
    words = ["check", str(copy), "--baseline", str(tiny_onnx), *WIDE, "--output", str(output)]
    assert cli.main(words) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("PASS copy.onnx p50 ")
    assert "2 pairs, detectable " in printed.out
    report = CHECK_REPORT.loads(output.read_text(), where="r.json")
    assert len(report.artifacts[0].pairs) == 2
    assert report.baseline.sha256 == report.artifacts[0].subject.sha256
    # What exists is refused before anything is measured.
    assert cli.main(words) == 2
    assert "--force to overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pairs", "code", "line"),
    [
        (PASSED, 0, "PASS new0.tflite p50 +0.0 % [98.4 %: +0.0, +0.0], 6 pairs, detectable 2.0 %"),
        (SLOWER, 1, "REGRESSION new0.tflite p50 +10.5 % [99 %: +10.5, +10.5], 16 pairs"),
        (FASTER, 0, "IMPROVED new0.tflite p50 -9.5 %"),
        (UNCLEAR, 0, "INCONCLUSIVE new0.tflite p50 +0.0 %"),
        (SPOILED, 3, "INVALID new0.tflite p50 not measured, 0 pairs, 5 -> 5 ms, 48 of 64 quads"),
    ],
)
def test_a_verdict_is_one_line_and_an_exit_code(
    measured: Measured,
    capsys: pytest.CaptureFixture[str],
    pairs: Sequence[Pair],
    code: int,
    line: str,
) -> None:
    measured(pairs)
    assert ended() == code
    (printed,) = capsys.readouterr().out.splitlines()
    assert printed.startswith(line)


def test_the_line_has_both_latencies_and_the_machine(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(SLOWER)
    ended()
    assert capsys.readouterr().out.endswith(", 5 -> 5.53 ms, machine ok\n")


def test_an_inconclusive_check_warns_and_is_3_where_that_is_strict(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(UNCLEAR)
    assert ended() == 0
    assert "warning: new0.tflite is inconclusive: neither" in capsys.readouterr().err
    assert ended("--strict") == 3


def test_json_has_verdicts_figures_and_the_exit_code(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(PASSED, SLOWER)
    assert ended("--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["exit_code"] == 1
    found = record["artifacts"]
    assert [each["decision"]["verdict"] for each in found] == ["pass", "regression"]
    assert found[1]["figures"]["old"]["p50_ns"] == 5_000_000
    assert found[1]["summary"].startswith("REGRESSION new1.tflite")


def test_answers_that_differ_are_said(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    one = pair()
    other = replace(one, new=replace(one.new, outputs_sha256="3" * 64), max_output_diff=0.25)
    measured([other] * 6)
    ended()
    expected = "new0.tflite: its scores differ from the baseline's by 0.25 at most"
    assert expected in capsys.readouterr().err


def test_what_changed_is_named_below_the_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = [
        Change(gate="size", text="10 -> 11 KiB", is_worse=True, is_allowed=True),
        Change(gate="operations", text="ADD 1 -> 2", is_worse=False, is_allowed=False),
        Change(gate="float", text="ADD 0 -> 1", is_worse=True, is_allowed=False),
    ]
    report = report_of(tmp_path / "pi", PASSED, gates=gates)
    monkeypatch.setattr(paired, "check_paired", lambda *_, **__: report)
    assert ended() == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  allowed size: 10 -> 11 KiB",
        "  changed operations: ADD 1 -> 2",
        "  WORSE float: ADD 0 -> 1",
    ]


def test_an_accuracy_gate_without_a_certificate_is_an_error_before_the_work(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", str(tiny_onnx), "--baseline", str(tiny_onnx), "--max-drop", "1"]
    assert cli.main(words) == 2
    assert "manifest.json: No such file" in capsys.readouterr().err


def test_a_missing_baseline_has_a_code_of_its_own(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(tiny_onnx), "--baseline", "gone.onnx"]) == 4
    assert "gone.onnx: no such file; needed is the released artifact" in capsys.readouterr().err


def test_a_check_without_a_baseline_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "new.tflite"]) == 4
    assert "no --baseline is given" in capsys.readouterr().err


def test_earlier_trials_on_the_machine_are_quoted(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(PASSED)
    ended()
    expected = "tried on this machine, equal files: 0 of 9 called a regression (at most 28.3 %)"
    assert expected in capsys.readouterr().err


def test_a_new_artifact_that_is_none_is_the_users_error(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "gone.onnx", "--baseline", str(tiny_onnx)]) == 2
    assert "gone.onnx: No such file or directory; check the path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--tol", "5", "--limit", "2"), 2, "tolerance 0.05 and limit 0.02"),
        (("--tol", "-1"), 2, "'-1': needed is 0 to below 100 percent"),
        (("--allow", "size,speed"), 2, "speed is none of size, macs"),
        (("--budget", "0"), 2, "budget_s is 0"),
        (("--pairs", "9", "--budget", "9"), 2, "not allowed with argument"),
    ],
)
def test_options_that_cannot_be_met_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    assert ended(*words) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_check_with_its_processes_and_files(
    end: signal.Signals, code: int, tiny_onnx: Path, tmp_path: Path
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "strop", "check", str(tiny_onnx), "--baseline", str(tiny_onnx)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("strop-check-*/*/*.onnx"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.send_signal(end)
    assert parent.wait(timeout=60) == code
    assert list(tmp_path.glob("strop-*")) == []
    # One that was being started when the signal came ends by itself, at the end of its stdin.
    while workers_in(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers_in(folder: Path) -> list[bytes]:
    """Command lines of processes that have a path in the folder among their arguments."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            lines.append(path.read_bytes())
    return [line for line in lines if bytes(folder) in line]
