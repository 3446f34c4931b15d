"""What makes a baseline, and what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.baseline.sessions import STACK, occasion_at, session
from tests.runtime.check.judge.test_report import FASTER, PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.reports import report_of

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.baseline.directory import BaselineDirectory
from strop.runtime.baseline.index import Promotion
from strop.runtime.baseline.promotion import promotion
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import ReportFile
from strop.runtime.check.measure.samples import Pair
from strop.runtime.errors import BaselineError, GateError, MeasurementError, PlanError
from strop.runtime.machine.environment import Occasion

OLD = "cd" * 32
NOW = occasion_at()


@pytest.fixture
def new(tiny_onnx: Path) -> str:
    return sha256_file(tiny_onnx)


@pytest.fixture
def directory(tiny_onnx: Path, tmp_path: Path, new: str) -> BaselineDirectory:
    """A candidate with a session, and nothing promoted."""
    made = BaselineDirectory(tmp_path / "baselines")
    made.add_artifact(tiny_onnx, new)
    made.add_session(session(sha256=new))
    return made


@pytest.fixture
def released(directory: BaselineDirectory) -> BaselineDirectory:
    """The same, beside an earlier baseline."""
    first = Promotion(
        model="m",
        sha256=OLD,
        replaces=None,
        reason="first",
        promoted_by="ada",
        promoted_at="2026-11-25T12:00:00+00:00",
        evidence=(),
    )
    directory.write_index(directory.index().with_promotion(first))
    return directory


def evidence(
    root: Path,
    pairs: Sequence[Pair],
    new: str,
    *,
    old: str = OLD,
    when: Occasion | None = NOW,
    gates: Sequence[Change] = (),
) -> ReportFile:
    report = report_of(root / "pi", pairs, gates=gates)
    (checked,) = report.artifacts
    return ReportFile(
        where="r.json",
        report=replace(
            report,
            created_at=None if when is None else when.created_at,
            place=None if when is None else when.place,
            baseline=replace(report.baseline, sha256=old),
            artifacts=(replace(checked, subject=replace(checked.subject, sha256=new)),),
        ),
    )


def promoted(directory: BaselineDirectory, new: str, *reports: ReportFile) -> Promotion:
    return promotion(directory, "m", new, reason="smaller", promoted_by="ada", evidence=reports)


def test_the_first_baseline_needs_a_session_only(directory: BaselineDirectory, new: str) -> None:
    made = promoted(directory, new)
    assert (made.sha256, made.replaces, made.evidence) == (new, None, ())
    # Only the caller writes it.
    assert directory.index().models == ()


def test_an_artifact_without_a_valid_session_is_refused(
    directory: BaselineDirectory, new: str
) -> None:
    (file,) = (directory.path / "sessions" / new).iterdir()
    file.unlink()
    directory.add_session(session(sha256=new, invalid_blocks=3))
    with pytest.raises(BaselineError, match="no file or no valid session"):
        promoted(directory, new)


def test_a_later_one_needs_a_report(released: BaselineDirectory, new: str) -> None:
    with pytest.raises(BaselineError, match="needed to replace it is --from REPORT"):
        promoted(released, new)


def test_a_pass_is_enough_and_is_kept_in_words(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    made = promoted(released, new, evidence(tmp_path, PASSED, new))
    assert made.replaces == OLD
    assert made.evidence == ("pass p50 +0.0 %, 6 pairs",)


def test_a_regression_may_be_accepted_and_the_index_says_how_large(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    grown = Change(gate="size", text="1 -> 2", is_worse=True, is_allowed=False)
    made = promoted(released, new, evidence(tmp_path, SLOWER, new, gates=[grown]))
    assert made.evidence == ("regression p50 +10.5 %, 16 pairs, worse size",)


@pytest.mark.parametrize(("pairs", "word"), [(UNCLEAR, "inconclusive"), (SPOILED, "invalid")])
def test_a_report_that_shows_nothing_is_refused(
    released: BaselineDirectory, new: str, tmp_path: Path, pairs: Sequence[Pair], word: str
) -> None:
    with pytest.raises(GateError, match=rf"r\.json: is {word} .*needed is a report that shows"):
        promoted(released, new, evidence(tmp_path, pairs, new))


def test_one_such_report_beside_a_good_one_is_refused_too(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    good = evidence(tmp_path, PASSED, new)
    with pytest.raises(GateError, match="is inconclusive"):
        promoted(released, new, good, evidence(tmp_path, UNCLEAR, new))


def test_an_improvement_needs_two_occasions(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    once = evidence(tmp_path, FASTER, new)
    minutes_later = evidence(tmp_path, FASTER, new, when=occasion_at(0.2))
    later = evidence(tmp_path, FASTER, new, when=occasion_at(5))
    with pytest.raises(GateError, match="an improvement that one occasion shows"):
        promoted(released, new, once)
    with pytest.raises(GateError, match="an improvement that one occasion shows"):
        promoted(released, new, once, minutes_later)
    with pytest.raises(GateError, match="an improvement that one occasion shows"):
        promoted(released, new, once, evidence(tmp_path, PASSED, new, when=occasion_at(5)))
    assert len(promoted(released, new, once, later).evidence) == 2


def test_a_report_of_another_machine_is_refused_with_what_differs(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    place = replace(NOW.place, stack=replace(STACK, governor="performance"))
    elsewhere = replace(NOW, place=place)
    with pytest.raises(GateError, match=r"another machine.*governor: performance, not ondemand"):
        promoted(released, new, evidence(tmp_path, PASSED, new, when=elsewhere))


def test_a_report_that_does_not_say_its_machine_is_refused(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanError, match="by an earlier strop"):
        promoted(released, new, evidence(tmp_path, PASSED, new, when=None))


def test_a_report_about_other_files_is_refused(
    released: BaselineDirectory, new: str, tmp_path: Path
) -> None:
    with pytest.raises(GateError, match="is not about"):
        promoted(released, new, evidence(tmp_path, PASSED, "ef" * 32))
    with pytest.raises(GateError, match="needed is the present baseline cdcd"):
        promoted(released, new, evidence(tmp_path, PASSED, new, old="ef" * 32))


def test_what_is_the_baseline_already_is_not_promoted_again(
    directory: BaselineDirectory, new: str
) -> None:
    directory.write_index(directory.index().with_promotion(promoted(directory, new)))
    with pytest.raises(GateError, match="is its baseline already"):
        promoted(directory, new)


def test_a_reason_is_one_line(directory: BaselineDirectory, new: str) -> None:
    with pytest.raises(PlanError, match="reason is ' '"):
        promotion(directory, "m", new, reason=" ", promoted_by="ada")


def test_a_damaged_session_is_an_error_and_no_reason_to_go_on(
    directory: BaselineDirectory, new: str
) -> None:
    (directory.path / "sessions" / new / "x.json").write_text("{}")
    with pytest.raises(MeasurementError, match="no format_version"):
        promoted(directory, new)
