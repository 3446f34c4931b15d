"""`strop check --target` on a board behind a real sshd, on a tiny .onnx in ONNX Runtime."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.check.judge.test_report import PASSED
from tests.runtime.check.reports import PLAN, report_of
from tests.runtime.commands.check.test_check import SHORT, WIDE
from tests.runtime.remote.ssh_board import MISSING, SshBoard, wait_until
from tests.runtime.remote.test_ssh_board import start

from strop import cli
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.check.judge.report import CHECK_REPORT, CheckReport
from strop.runtime.check.modes.qualification import FILE_NAME, QUALIFICATION
from strop.runtime.check.modes.request import Question
from strop.runtime.commands.check import on_board as check_on_board
from strop.runtime.commands.check import question
from strop.runtime.reporting.paired import present_pairs

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
pytest.importorskip("onnxruntime", reason="onnxruntime, which the board runs, is not installed")

TEMPORARY = "temporary"  # in the board's home
WORKER = "strop.runtime.check.measure.worker"
# A busy machine's quads may all be disturbed: no test here is of the verdict. So each measures as
# many pairs as could show a regression of one of two files at this alpha.
ALPHA = 0.25
FEW = (*WIDE, "--pairs", "3")
# One trial is a round, where this is on PYTHONPATH; the agent has no strop.
ONE_TRIAL = """\
try:
    from strop.runtime.check.modes import qualification
    qualification.ROUND = (0.0,)
except ImportError:
    pass
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made here, so that the board measures by it."""
    monkeypatch.setattr(question, "CheckPlan", lambda: replace(SHORT, alpha=ALPHA))


@pytest.fixture
def pi(board: SshBoard) -> SshBoard:
    """A board whose temporary files can be seen."""
    (board.home / TEMPORARY).mkdir()
    board.login(f'export TMPDIR="$HOME/{TEMPORARY}" PYTHONPATH="$HOME"')
    return board


def is_clean(pi: SshBoard) -> bool:
    return pi.is_empty() and not list((pi.home / TEMPORARY).glob("strop-*"))


@pytest.fixture
def new(tiny_onnx: Path, tmp_path: Path) -> Path:
    """The same model in a file that is larger by half."""
    import onnx

    model = onnx.load(tiny_onnx)
    model.doc_string = "x" * (tiny_onnx.stat().st_size // 2)
    path = tmp_path / "new.onnx"
    onnx.save(model, path)
    return path


def checked(pi: SshBoard, old: Path, new: Path, *words: str) -> int:
    """The exit code of a check there; words may begin with more artifacts."""
    there = ("--baseline", str(old), "--target", pi.url, *FEW)
    return cli.main(["check", *there, str(new), *words])


@pytest.mark.usefixtures("quick")
def test_a_report_comes_home_as_if_measured_here(
    pi: SshBoard, tiny_onnx: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.json"
    words = (str(tiny_onnx), "--seed", "5", "--allow", "size", "--output", str(output))
    code = checked(pi, tiny_onnx, new, *words)
    printed = capsys.readouterr()
    report = CHECK_REPORT.loads(output.read_text(), where="report")
    assert code == present_pairs(report, is_strict=False, has_accuracy=False).exit_code
    verdicts = [each.decision.verdict.value.upper() for each in report.artifacts]
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"{verdicts[0]} new.onnx p50 ")
    assert lines[1].startswith("  allowed size: ")
    assert lines[2].startswith(f"{verdicts[1]} {tiny_onnx.name} p50 ")
    assert report.baseline.sha256 == sha256_file(tiny_onnx)
    found = [each.subject.sha256 for each in report.artifacts]
    assert found == [sha256_file(new), sha256_file(tiny_onnx)]
    assert all(pair.quads for each in report.artifacts for pair in each.pairs)
    assert report.plan.seed == 5
    assert "of 3 files copied to" in printed.err
    assert printed.err.count(f"baseline   {tiny_onnx}") == 1
    assert wait_until(lambda: is_clean(pi))


@pytest.mark.usefixtures("quick")
def test_a_gate_that_fails_there_fails_the_build_here(
    pi: SshBoard, tiny_onnx: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(pi, tiny_onnx, new, "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["exit_code"] == 1
    assert record["artifacts"][0]["failed_gates"] == ["size"]


def write_manifest(artifact: Path, *, high: float) -> None:
    name, sha256 = artifact.name, sha256_file(artifact)
    verdict = {"artifact": name, "drop": 0.0, "drop_interval": {"low": 0.0, "high": high}}
    manifest = {
        "format_version": 3,
        "source": {"classes": 4},
        "artifacts": [{"file": name, "sha256": sha256}],
        "certificate": {"images": 400, "verdicts": [verdict]},
    }
    (artifact.parent / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("high", "is_worse"), [(0.01, False), (0.03, True)])
def test_the_certificate_beside_the_file_here_decides_on_accuracy(
    pi: SshBoard,
    tiny_onnx: Path,
    new: Path,
    capsys: pytest.CaptureFixture[str],
    high: float,
    is_worse: bool,
) -> None:
    write_manifest(new, high=high)
    code = checked(pi, tiny_onnx, new, "--allow", "size", "--max-drop", "2")
    assert (code == 1) == is_worse
    line = "WORSE accuracy: certified drop +0.00 points, up to 3.00"
    assert (line in capsys.readouterr().out) == is_worse


@pytest.mark.usefixtures("quick")
def test_what_is_missing_here_is_said_before_the_board_is_asked(
    pi: SshBoard, tiny_onnx: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(pi, tiny_onnx, new, "--max-drop", "2") == 2
    assert "manifest.json: No such file" in capsys.readouterr().err
    assert checked(pi, tmp_path / "gone.onnx", new) == 4
    assert "gone.onnx: no such file; needed is the released" in capsys.readouterr().err
    assert checked(pi, tiny_onnx, tmp_path / "gone.onnx") == 2
    assert "gone.onnx: No such file or directory; check the path" in capsys.readouterr().err
    assert not pi.cache.exists()


def test_a_board_without_target_is_refused(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", str(tiny_onnx), "--baseline", str(tiny_onnx), "--target-python", "python3"]
    assert cli.main(words) == 2
    assert "no board is named; add --target" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--slo", "p50<=1s"], "--target and the mode budget: not over ssh"),
        (["--baseline-python", "python3"], "--target and --baseline-python: that Python is not"),
    ],
)
def test_what_a_board_cannot_be_asked_for_is_refused(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert cli.main(["check", str(tiny_onnx), "--target", "ssh://nowhere", *words]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_the_mode_that_is_asked_for_is_the_boards(
    pi: SshBoard, tiny_onnx: Path, new: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    words = ("--mode", "paired-serial", "--output", str(report))
    # Under load a board may have measured nothing that counts.
    assert checked(pi, tiny_onnx, new, *words, "--allow", "size,memory") in (0, 3)
    assert json.loads(report.read_text())["mode"] == "paired-serial"


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_run_there_is_said_with_the_files_name_here(
    pi: SshBoard, tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx

    model = onnx.load(tiny_onnx)
    model.graph.node[0].op_type = "Nothing"
    damaged = tmp_path / "damaged.onnx"
    onnx.save(model, damaged)
    assert checked(pi, tiny_onnx, damaged) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: ssh://board: {damaged}: ")


@pytest.mark.usefixtures("quick")
def test_trials_there_are_kept_here_and_quoted_by_checks_on_the_same_board(
    pi: SshBoard, tiny_onnx: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pi.home / "sitecustomize.py").write_text(ONE_TRIAL)
    released = Path(shutil.copy(tiny_onnx, tmp_path))
    words = ["--self-test", "--minutes", "0.01", "--target", pi.url, *FEW]
    assert cli.main(["check", str(released), *words]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("equal files: 0 of 1 called a regression")
    assert "1 trials: " in printed.err
    kept = QUALIFICATION.loads((tmp_path / FILE_NAME).read_text(), where="kept")
    assert kept.sha256 == sha256_file(released)
    assert wait_until(lambda: is_clean(pi))
    assert checked(pi, released, new) == 1
    assert "tried on this machine, equal files: 0 of 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code", "threads"),
    [
        (signal.SIGINT, 130, "1"),
        (signal.SIGTERM, 143, "1"),
        # The process whose turn it is not is stopped, and could end itself as little.
        (signal.SIGKILL, -signal.SIGKILL, "2"),
    ],
)
def test_an_interrupted_check_leaves_nothing_there(
    pi: SshBoard, tiny_onnx: Path, new: Path, number: int, code: int, threads: str
) -> None:
    words = ("check", str(new), "--baseline", str(tiny_onnx), "--target", pi.url)
    with start(*words, "--threads", threads) as here:
        assert wait_until(lambda: pi.runs(WORKER))
        here.send_signal(number)
        assert here.wait(timeout=30) == code
    assert wait_until(lambda: is_clean(pi))
    assert wait_until(lambda: pi.sessions() == [])


@pytest.mark.parametrize("other", ["file", "plan"])
def test_a_report_of_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tiny_onnx: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    other: str,
) -> None:
    report = report_of(tmp_path / "pi", PASSED)

    def answered(*words: object, **_: object) -> CheckReport:
        (question,) = (word for word in words if isinstance(word, Question))
        return replace(report, plan=question.plan if other == "file" else PLAN)

    monkeypatch.setattr(check_on_board, "_record", answered)
    words = ["check", str(tiny_onnx), "--baseline", str(tiny_onnx), "--target", "ssh://board"]
    assert cli.main(words) == 3
    assert "is that board yours?" in capsys.readouterr().err
