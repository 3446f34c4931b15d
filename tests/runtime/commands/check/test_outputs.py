"""What CI is told of a check: JUnit, Markdown, annotations, outputs, whatever the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from tests.runtime.check.judge.test_report import PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.reports import report_of

from strop import cli
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.samples import Pair
from strop.runtime.check.modes import paired
from strop.runtime.commands.check.github import MAX_SUMMARY_BYTES, annotation
from strop.runtime.errors import BaselineError, MeasurementError
from strop.runtime.reporting.junit import junit_of, junit_of_error
from strop.runtime.reporting.markdown import markdown_of
from strop.runtime.reporting.paired import present_pairs
from strop.runtime.reporting.presentation import Presentation

GROWN = Change(gate="size", text="1 -> 2", is_worse=True, is_allowed=False)
# What breaks XML, HTML, a Markdown table, a workflow command, a line; and what is no text.
HOSTILE = '<b>"&|`*_\x00\x1b\n::error::%\udcff.tflite'
# Jenkins' junit-10.xsd, as far as it is used: children and attributes of each element.
SHAPE = {
    "testsuites": ({"testsuite"}, {"name", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    ),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": ({"failure", "error", "skipped", "system-out"}, {"name", "classname", "time"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}

Measured = Callable[..., CheckReport]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measured:
    """Puts a made-up report in the place of a measurement."""

    def put(*artifacts: Sequence[Pair], gates: Sequence[Change] = ()) -> CheckReport:
        report = report_of(tmp_path / "pi", *artifacts, gates=gates)
        monkeypatch.setattr(paired, "check_paired", lambda *_, **__: report)
        return report

    return put


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """The files of a step on GitHub: its summary and its outputs."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    return summary, outputs


def ended(*words: str, artifacts: Sequence[str] = ("new.tflite",)) -> int:
    return cli.main(["check", *artifacts, "--baseline", "old.tflite", *words])


def shown(
    report: CheckReport, *, is_strict: bool = False, has_accuracy: bool = False
) -> Presentation:
    return present_pairs(report, is_strict=is_strict, has_accuracy=has_accuracy)


def parsed(xml: str) -> Element:
    """The root, once every element of it has the shape that readers know."""
    root = ElementTree.fromstring(xml)
    for element in root.iter():
        children, attributes = SHAPE[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) <= attributes
        if "name" in attributes:
            assert element.get("name")
        for name in {"tests", "failures", "errors"} & attributes:
            assert element.attrib[name].isdigit()
    return root


def ends(root: Element) -> dict[str, str]:
    """How each test ended, by its name."""
    return {
        test.attrib["name"]: next(
            (child.tag for child in test if child.tag != "system-out"), "passed"
        )
        for test in root.iter("testcase")
    }


def test_every_artifact_and_metric_is_a_test(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", PASSED, SLOWER, UNCLEAR, SPOILED, gates=[GROWN])
    root = parsed(junit_of(shown(report)))
    found = ends(root)
    assert [found[f"new{i}.tflite p50"] for i in range(4)] == [
        *("passed", "failure", "skipped", "error")
    ]
    assert found["new0.tflite size"] == "failure"
    assert found["new0.tflite memory"] == "passed"
    # p50 and all gates but accuracy, four times.
    assert root.attrib["tests"] == "32" == str(len(found))
    assert (root.attrib["failures"], root.attrib["errors"]) == ("5", "1")
    counts = [suite.attrib["failures"] for suite in root]
    assert counts == ["1", "2", "1", "1"]
    assert [suite.attrib["skipped"] for suite in root] == ["0", "0", "1", "0"]


def test_the_suite_has_the_figures(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", SLOWER)
    (suite,) = parsed(junit_of(shown(report)))
    found = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    decision = report.artifacts[0].decision
    assert float(found["ratio"]) == decision.ratio
    assert float(found["ratio_low"]) == decision.low
    assert float(found["ratio_high"]) == decision.high
    assert float(found["detectable_increase"]) == decision.detectable_increase
    assert (found["pairs"], found["verdict"]) == ("16", "regression")
    assert (suite.attrib["timestamp"], suite.attrib["time"]) == ("2026-01-31T12:00:00Z", "64.000")
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"].startswith("REGRESSION new0.tflite p50 +10.5 %")


def test_an_inconclusive_check_is_an_error_where_that_is_strict(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", UNCLEAR)
    root = parsed(junit_of(shown(report, is_strict=True)))
    assert ends(root)["new0.tflite p50"] == "error"


def test_no_name_breaks_the_xml(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", SLOWER, gates=[replace(GROWN, text=HOSTILE)])
    subject = replace(report.artifacts[0].subject, name=HOSTILE)
    report = replace(report, artifacts=(replace(report.artifacts[0], subject=subject),))
    escaped = HOSTILE.replace("\x00", "\\x00").replace("\x1b", "\\x1b").replace("\udcff", "\\udcff")
    for xml in (
        junit_of(shown(report, has_accuracy=True)),
        junit_of_error([HOSTILE], MeasurementError(HOSTILE)),
    ):
        (suite,) = parsed(xml.encode().decode())
        assert suite.attrib["name"] == escaped
        assert any(escaped in end.attrib.get("message", "") for end in suite.iter())


def test_no_name_breaks_the_table(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", PASSED)
    subject = replace(report.artifacts[0].subject, name=HOSTILE)
    report = replace(report, artifacts=(replace(report.artifacts[0], subject=subject),))
    text = markdown_of(shown(report))
    (row,) = [line for line in text.splitlines() if "**pass**" in line]
    assert row.count(" | ") == 6
    assert "<b>" not in row
    assert "\\<b\\>" in row
    assert "\x00" not in text


def test_the_table_has_verdicts_and_the_list_what_else_changed(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", SLOWER, UNCLEAR, gates=[GROWN])
    lines = markdown_of(shown(report)).splitlines()
    assert (
        "| <code>new0.tflite</code> | **regression** | +10.5 % | +10.5 % to +10.5 % (99 %)"
        " | 5 → 5.53 | 16 | 2.0 % |" in lines
    )
    assert "- <code>new0.tflite</code> **WORSE** size: 1 -\\> 2" in lines
    assert any("new1.tflite</code> is inconclusive: neither" in line for line in lines)
    assert lines[-1].startswith("Against <code>old.tflite</code>; more than 2.0% is a regression")


def test_files_are_written_over_those_of_the_last_check(measured: Measured, tmp_path: Path) -> None:
    junit, table = tmp_path / "j.xml", tmp_path / "t.md"
    junit.write_text("old")
    table.write_text("old")
    measured(SLOWER)
    assert ended("--junit", str(junit), "--markdown", str(table)) == 1
    assert ends(parsed(junit.read_text()))["new0.tflite p50"] == "failure"
    assert "**regression**" in table.read_text()


@pytest.mark.parametrize(
    ("words", "code", "kind", "message"),
    [
        ((), 4, "BaselineError", "old.tflite: no such file"),
        (("--tol", "9"), 2, "PlanError", "tolerance 0.09 and limit 0.05"),
        (("--output", "/nowhere/r.json"), 2, "OutputError", "/nowhere: not a folder"),
    ],
)
def test_a_check_that_ends_by_an_error_is_no_green_file(
    tmp_path: Path, words: tuple[str, ...], code: int, kind: str, message: str
) -> None:
    junit, table = tmp_path / "j.xml", tmp_path / "t.md"
    assert ended(*words, "--junit", str(junit), "--markdown", str(table)) == code
    root = parsed(junit.read_text())
    assert ends(root) == {"new.tflite p50": "error"}
    assert root.attrib["errors"] == "1"
    (error,) = root.iter("error")
    assert error.attrib["type"] == kind
    assert message in error.attrib["message"]
    assert "**error**: " in table.read_text()


def test_a_check_that_is_killed_leaves_no_green_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    junit = tmp_path / "j.xml"

    def killed(*_: object, **__: object) -> CheckReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(paired, "check_paired", killed)
    assert ended("--junit", str(junit)) == 130
    (error,) = parsed(junit.read_text()).iter("error")
    assert error.attrib["message"] == "ended before it had an answer"


def test_a_file_that_cannot_be_written_is_said_before_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paired, "check_paired", pytest.fail)
    assert ended("--junit", str(tmp_path / "absent" / "j.xml")) == 2
    assert "not a folder that can be written to" in capsys.readouterr().err


def test_a_self_test_takes_none_of_these_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("--self-test", "--junit", str(tmp_path / "j.xml")) == 2
    assert "--junit is of a check; leave it out, or --self-test" in capsys.readouterr().err


def test_absolute_limits_are_not_exported_and_say_so(
    tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = f"pyperf={tmp_path / 'p.json'}"
    assert cli.main(["check", str(tiny_onnx), "--slo", "p50<=1s", "--export", exported]) == 2
    assert "and the mode is budget; take --json or --output" in capsys.readouterr().err


def test_github_gets_annotations_summary_and_outputs(
    measured: Measured, github: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    summary, outputs = github
    summary.write_text("what another command wrote")
    measured(SLOWER, UNCLEAR, gates=[GROWN])
    assert ended(artifacts=("build/a,b:c.tflite", "d.tflite")) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert told[0].startswith(
        "::error file=build/a%2Cb%3Ac.tflite,title=strop check::REGRESSION new0.tflite p50 +10.5"
    )
    assert told[1].endswith("::new0.tflite: WORSE size: 1 -> 2")
    assert told[3].startswith("::warning file=d.tflite,title=strop check::INCONCLUSIVE new1.tflite")
    assert len(told) == 4
    assert summary.read_text().startswith("what another command wrote\n### strop check\n")
    assert outputs.read_text() == "verdict=regression\nratio=1.105171\n"


def test_github_gets_the_error_of_a_check_without_an_answer(
    github: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    summary, outputs = github
    assert ended() == 4
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("::error title=strop check::old.tflite: no such file")
    assert "**error**: old.tflite\\: no such file" in summary.read_text()
    assert outputs.read_text() == "verdict=error\nratio=\n"


@pytest.mark.usefixtures("github")
def test_annotations_do_not_get_into_json(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(SLOWER)
    ended("--json")
    printed = capsys.readouterr()
    assert "::error" not in printed.out
    assert "::error file=new.tflite" in printed.err


@pytest.mark.usefixtures("github")
def test_no_more_annotations_than_github_shows(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(*[SLOWER] * 12)
    ended(artifacts=[f"{i}.tflite" for i in range(12)])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    assert len(told) == 10
    assert told[-1].endswith("::and 3 more; the log has them all")


def test_an_annotation_is_one_line_whatever_is_in_it() -> None:
    error = BaselineError("100 %\r\n::error::x")
    assert annotation("error", str(error), file="a\n:,%") == (
        "::error file=a%0A%3A%2C%25,title=strop check::100 %25%0D%0A::error::x"
    )


def test_a_full_summary_gets_the_verdicts_or_nothing(
    measured: Measured, github: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    summary, _ = github
    measured(PASSED)
    summary.write_bytes(b"x" * (MAX_SUMMARY_BYTES - 100))
    assert ended() == 0
    assert summary.read_text().endswith("\n- **pass** <code>new0.tflite</code>\n")
    assert ended() == 0
    assert summary.stat().st_size <= MAX_SUMMARY_BYTES
    assert "no room for this check in the step's summary" in capsys.readouterr().err


def test_a_file_of_githubs_that_cannot_be_written_ends_nothing(
    measured: Measured,
    github: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary, _ = github
    summary.mkdir()
    measured(PASSED)
    assert ended() == 0
    assert "Is a directory; GitHub has no summary of this check" in capsys.readouterr().err


def test_without_github_nothing_is_annotated(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(SLOWER)
    ended()
    assert "::" not in capsys.readouterr().out
