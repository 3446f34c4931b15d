"""A check as tests and as one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.check.judge.test_report import FASTER, PASSED, SLOWER, SPOILED, UNCLEAR
from tests.runtime.check.reports import ANATOMY, FACTS, report_of

from strop.runtime.check.judge.anatomy import Anatomy
from strop.runtime.check.judge.gates import GATES, Change
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.samples import Pair
from strop.runtime.reporting.paired import present_pairs
from strop.runtime.reporting.presentation import Presentation

GROWN = Change(gate="size", text="1 -> 2", is_worse=True, is_allowed=False)


def outcomes(
    report: CheckReport, *, is_strict: bool = False, baseline: Anatomy = ANATOMY
) -> dict[str, str]:
    subject = replace(report.baseline, anatomy=baseline)
    (found,) = shown(replace(report, baseline=subject), is_strict=is_strict).artifacts
    return {result.metric: result.outcome.value for result in found.results}


def shown(
    report: CheckReport, *, is_strict: bool = False, has_accuracy: bool = False
) -> Presentation:
    return present_pairs(report, is_strict=is_strict, has_accuracy=has_accuracy)


@pytest.mark.parametrize(
    ("pairs", "outcome", "strict"),
    [
        (PASSED, "passed", "passed"),
        (FASTER, "passed", "passed"),
        (SLOWER, "failed", "failed"),
        (UNCLEAR, "unknown", "error"),
        (SPOILED, "error", "error"),
    ],
)
def test_a_verdict_is_an_outcome_of_p50(
    tmp_path: Path, pairs: Sequence[Pair], outcome: str, strict: str
) -> None:
    report = report_of(tmp_path / "pi", pairs)
    assert outcomes(report)["p50"] == outcome
    assert outcomes(report, is_strict=True)["p50"] == strict


def test_every_gate_is_a_test_and_accuracy_where_it_is_asked_for(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", PASSED)
    assert list(outcomes(report)) == ["p50", *(gate for gate in GATES if gate != "accuracy")]
    (found,) = shown(report, has_accuracy=True).artifacts
    assert [result.metric for result in found.results] == ["p50", *GATES]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (GROWN, "failed"),
        (replace(GROWN, is_allowed=True), "passed"),
        (replace(GROWN, is_worse=False), "passed"),
    ],
)
def test_a_gate_fails_only_by_what_is_worse_and_not_allowed(
    tmp_path: Path, change: Change, outcome: str
) -> None:
    assert outcomes(report_of(tmp_path / "pi", PASSED, gates=[change]))["size"] == outcome


def test_what_could_not_be_compared_is_no_pass(tmp_path: Path) -> None:
    report = report_of(tmp_path / "pi", PASSED)
    other = replace(ANATOMY, facts=replace(FACTS, engine="onnxruntime"))
    unknown = {gate for gate, end in outcomes(report, baseline=other).items() if end == "unknown"}
    assert unknown == {"macs", "operations", "float", "partitions", "undelegated"}
    assert ANATOMY.structure is not None
    silent = replace(ANATOMY, structure=replace(ANATOMY.structure, macs=None))
    unknown = {gate for gate, end in outcomes(report, baseline=silent).items() if end == "unknown"}
    assert unknown == {"macs"}


@pytest.mark.parametrize(
    ("artifacts", "gates", "word"),
    [
        ([PASSED], [], "pass"),
        ([FASTER], [], "improved"),
        ([FASTER, PASSED], [], "pass"),
        ([PASSED, UNCLEAR], [], "inconclusive"),
        ([UNCLEAR, SPOILED], [], "invalid"),
        ([SPOILED, PASSED], [GROWN], "worse"),
        ([PASSED, SLOWER], [GROWN], "regression"),
    ],
)
def test_a_check_is_what_its_worst_artifact_is(
    tmp_path: Path, artifacts: list[list[Pair]], gates: list[Change], word: str
) -> None:
    assert shown(report_of(tmp_path / "pi", *artifacts, gates=gates)).word == word


def test_the_ratio_of_a_check_is_its_slowest_artifacts(tmp_path: Path) -> None:
    slower = shown(report_of(tmp_path / "pi", PASSED, SLOWER))
    assert slower.largest_ratio == pytest.approx(1.105171)
    assert shown(report_of(tmp_path / "pi2", SPOILED)).largest_ratio is None
