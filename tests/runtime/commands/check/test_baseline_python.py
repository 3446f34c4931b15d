"""`--baseline-python`: one file on two runtimes, the baseline's in another Python."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.runtime.commands.check.test_check import SHORT, WIDE

from strop import cli
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.commands.check import question

Checked = Callable[..., int]


def made_python(folder: Path) -> Path:
    """A Python that has numpy and ONNX Runtime, and neither strop nor Pillow."""
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in ("numpy", "onnxruntime"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            pytest.skip(f"{name} is not installed here")
        source = Path(spec.origin).parent
        for path in (source, source.with_name(f"{name}.libs")):
            if path.exists():
                (packages / path.name).symlink_to(path)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_python(tmp_path_factory.mktemp("other"))


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, tiny_onnx: Path) -> Checked:
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    return lambda *words: cli.main(["check", str(tiny_onnx), *map(str, words)])


def test_the_other_python_of_these_tests_has_no_strop(other_python: Path) -> None:
    for name, code in (("numpy", 0), ("strop.runtime", 1), ("PIL", 1)):
        done = subprocess.run([other_python, "-c", f"import {name}"], capture_output=True)
        assert done.returncode == code, name


def test_a_file_is_checked_against_itself_in_another_python(
    checked: Checked, other_python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--baseline-python", other_python, *WIDE, "--allow", "memory")
    assert checked(*words, "--output", tmp_path / "r.json") == 0
    assert capsys.readouterr().out.startswith("PASS tiny.int8.onnx p50 ")
    report = CHECK_REPORT.loads((tmp_path / "r.json").read_text(), where="r.json")
    (new,) = report.artifacts
    assert report.baseline.sha256 == new.subject.sha256
    assert report.baseline.anatomy == new.subject.anatomy
    assert {pair.max_output_diff for pair in new.pairs} == {0.0}


def test_another_version_of_the_engine_is_recorded_and_said(
    checked: Checked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = made_python(tmp_path / "venv")
    # The same engine, which says that it is another.
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    # Not in sitecustomize.py: Debian's Python has one of its own, which comes first.
    (packages / "other.pth").write_text("import onnxruntime as o; o.__version__ = '1.2.3'\n")
    words = ("--baseline-python", python, *WIDE, "--allow", "memory")
    assert checked(*words, "--output", tmp_path / "r.json") == 0
    assert ", its baseline by onnxruntime 1.2.3 (mlas)" in capsys.readouterr().err
    report = CHECK_REPORT.loads((tmp_path / "r.json").read_text(), where="r.json")
    assert report.baseline.anatomy.facts.version == "1.2.3"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--baseline-python", "gone/python"), 2, "gone/python: not a program; needed is a Python"),
        (("--baseline-python", "/bin/false"), 2, "/bin/false: cannot run strop: exit code 1"),
        (("--baseline-python", sys.executable, "--slo", "p50<=1s"), 2, "a limit has no baseline"),
        (("b.onnx", "--baseline-python", sys.executable), 4, "no --baseline is given"),
    ],
)
def test_what_is_no_python_is_refused_before_anything_is_measured(
    checked: Checked,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert checked(*words) == code
    assert message in capsys.readouterr().err


def test_an_engine_that_is_missing_there_is_named(
    checked: Checked, other_python: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked("--baseline", tiny_tflite, "--baseline-python", other_python) == 2
    assert "litert is not installed here; run: pip install" in capsys.readouterr().err
