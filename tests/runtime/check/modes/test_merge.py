"""Two machines' checks are one answer: red only where both are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.runtime.check.judge.test_report import FASTER, PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.reports import PLAN, report_of

from strop.cli import main
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import Change, failed_gates
from strop.runtime.check.judge.report import CHECK_REPORT, CheckReport, ReportFile
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import Pair
from strop.runtime.check.modes.merge import merge
from strop.runtime.errors import PlanError

GROWN = Change(gate="size", text="1 -> 2", is_worse=True, is_allowed=False)
BIGGER = Change(gate="memory", text="80 -> 90 MiB", is_worse=True, is_allowed=False)


def kept(
    folder: Path,
    *artifacts: Sequence[Pair],
    boot: str,
    gates: Sequence[Change] = (),
    plan: CheckPlan = PLAN,
) -> ReportFile:
    """A report in a file, of a machine that was started for it."""
    report = report_of(folder / boot, *artifacts, gates=gates, plan=plan)
    assert report.place is not None
    report = replace(report, place=replace(report.place, boot=boot))
    path = folder / f"{boot}.json"
    path.write_text(CHECK_REPORT.dumps(report))
    return ReportFile(where=str(path), report=report)


@pytest.mark.parametrize(
    ("occasions", "verdict", "reason", "code"),
    [
        ((SLOWER, SLOWER), Verdict.REGRESSION, "slower on each of 2 occasions", 1),
        ((SLOWER, PASSED), Verdict.INCONCLUSIVE, "slower on 1 of 2 occasions, not on each", 0),
        ((SLOWER, UNCLEAR, SLOWER), Verdict.INCONCLUSIVE, "slower on 2 of 3", 0),
        ((SLOWER, SPOILED, SLOWER), Verdict.REGRESSION, "slower on each of 2", 1),
        ((SLOWER, SPOILED), Verdict.INVALID, "1 of 2 reports measured something", 3),
        ((SPOILED, SPOILED), Verdict.INVALID, "0 of 2 reports", 3),
        ((PASSED, UNCLEAR), Verdict.INCONCLUSIVE, "1 of 2 occasions show nothing", 0),
        ((PASSED, FASTER), Verdict.PASS, "a pass on each of 2 occasions", 0),
        ((FASTER, FASTER), Verdict.IMPROVED, "faster on each of 2 occasions", 0),
    ],
)
def test_a_regression_is_what_all_that_count_show(
    tmp_path: Path,
    occasions: Sequence[Sequence[Pair]],
    verdict: Verdict,
    reason: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [kept(tmp_path, each, boot=f"boot{i}") for i, each in enumerate(occasions)]
    (artifact,) = merge(files).artifacts
    assert artifact.verdict is verdict
    assert artifact.reasons[0].startswith(reason)
    assert main(["check", "--merge", *(each.where for each in files)]) == code
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{verdict.value.upper()} new0.tflite p50 ")
    assert sum(line.startswith(f"  {tmp_path}") for line in shown.out.splitlines()) == len(files)
    assert ("warning" in shown.err) is (verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID))


def test_each_artifact_has_its_own_verdict_and_strict_is_for_what_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = kept(tmp_path, PASSED, SLOWER, boot="a")
    other = kept(tmp_path, PASSED, PASSED, boot="b")
    words = ["check", "--merge", one.where, other.where, "--strict", "--json"]
    assert main(words) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["exit_code"] == 3
    assert [each["verdict"] for each in record["artifacts"]] == ["pass", "inconclusive"]
    verdicts = [each["verdict"] for each in record["artifacts"][1]["occasions"]]
    assert verdicts == ["regression", "pass"]


def test_a_gate_without_statistics_fails_where_it_fails_each_time(tmp_path: Path) -> None:
    one = kept(tmp_path, PASSED, boot="a", gates=[GROWN, BIGGER])
    other = kept(tmp_path, PASSED, boot="b", gates=[GROWN])
    (artifact,) = merge([one, other]).artifacts
    assert failed_gates(artifact.changes) == ("size",)
    assert main(["check", "--merge", one.where, other.where]) == 1


def test_ci_is_told_of_a_merge_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    files = [kept(tmp_path, SLOWER, boot=boot) for boot in ("a", "b")]
    outputs = ["--junit", str(tmp_path / "j.xml"), "--markdown", str(tmp_path / "m.md")]
    assert main(["check", "--merge", *(each.where for each in files), *outputs]) == 1
    (suite,) = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("name"), suite.get("failures")) == ("new0.tflite", "1")
    assert "regression +" in (tmp_path / "m.md").read_text()
    assert "2 reports merged" in (tmp_path / "m.md").read_text()
    assert "::error file=new0.tflite" in capsys.readouterr().out
    assert "verdict=regression" in (tmp_path / "outputs").read_text()


def test_reports_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = kept(tmp_path, PASSED, boot="a")
    with pytest.raises(PlanError, match="1 report; needed are 2"):
        merge([one])
    with pytest.raises(PlanError, match="of one boot, and less than an hour apart"):
        merge([one, one])
    looser = kept(tmp_path, PASSED, boot="b", plan=replace(PLAN, tolerance=0.03))
    with pytest.raises(PlanError, match=r"two questions \(tolerance 0\.02 and 0\.03\)"):
        merge([one, looser])
    two = kept(tmp_path, PASSED, PASSED, boot="c")
    with pytest.raises(PlanError, match=r"two questions \(artifacts abab"):
        merge([one, two])
    old: CheckReport = replace(one.report, place=None)
    with pytest.raises(PlanError, match="does not say when and on what"):
        merge([kept(tmp_path, PASSED, boot="d"), ReportFile(where="old.json", report=old)])


def test_what_is_of_measuring_is_refused_with_a_merge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [kept(tmp_path, PASSED, boot=boot).where for boot in ("a", "b")]
    assert main(["check", "--merge", *files, "--tol", "3", "--baseline", "old.tflite"]) == 2
    assert "--merge and --baseline, --tol: nothing is measured" in capsys.readouterr().err
    assert main(["check", "--merge", str(tmp_path / "none.json"), files[0]]) == 3
    assert "needed is what strop check --output writes" in capsys.readouterr().err
