"""The check report comes back unchanged, and what is none is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from tests.runtime.check.pairs import MS, pair
from tests.runtime.check.reports import report_of

from strop.runtime.check.judge.figures import pair_figures
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import CHECK_REPORT, CheckReport
from strop.runtime.check.measure.plan import Metric
from strop.runtime.check.measure.samples import NOT_KNOWN
from strop.runtime.errors import MeasurementError
from strop.runtime.reporting.paired import present_pairs

PASSED = [pair(0.0)] * 6
SLOWER = [pair(0.1)] * 16
FASTER = [pair(-0.1)] * 16
UNCLEAR = [pair(0.3 if i % 2 else -0.3) for i in range(16)]
SPOILED = [pair(0.0, valid=1)] * 16


@pytest.fixture
def report(tmp_path: Path) -> CheckReport:
    return report_of(tmp_path / "pi", PASSED, SLOWER, SPOILED)


def test_a_report_comes_back_unchanged(report: CheckReport) -> None:
    assert CHECK_REPORT.loads(CHECK_REPORT.dumps(report), where="r.json") == report


def test_another_format_version_is_refused_by_name(report: CheckReport) -> None:
    text = json.dumps(
        json.loads(CHECK_REPORT.dumps(report)) | {"format_version": CHECK_REPORT.version + 1}
    )
    with pytest.raises(
        MeasurementError, match=r"r\.json: format_version is 5, this strop reads 1, 2, 3, 4;"
    ):
        CHECK_REPORT.loads(text, where="r.json")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_earlier_report_is_read_without_what_it_did_not_say(
    report: CheckReport, version: int
) -> None:
    old = json.loads(CHECK_REPORT.dumps(report)) | {"format_version": version}
    del old["plan"]["metric"]
    for artifact in old["artifacts"]:
        del artifact["decision"]["measure"], artifact["decision"]["disturbed_quads"]
        quads = chain.from_iterable(each["quads"] for each in artifact["pairs"])
        for block in chain.from_iterable(each["blocks"] for each in quads):
            for name in NOT_KNOWN:
                del block[name]
    expected = replace(report, plan=replace(report.plan, metric=Metric.WALL))
    if version < 3:
        del old["place"]
        expected = replace(expected, place=None)
    if version < 2:
        del old["created_at"]
        expected = replace(expected, created_at=None)
    assert CHECK_REPORT.loads(json.dumps(old), where="r.json") == expected


def test_a_time_that_is_none_is_refused(report: CheckReport) -> None:
    text = json.dumps(json.loads(CHECK_REPORT.dumps(report)) | {"created_at": "yesterday"})
    with pytest.raises(MeasurementError, match=r"r\.json: created_at is 'yesterday', needed is a"):
        CHECK_REPORT.loads(text, where="r.json")


def test_a_verdict_that_is_none_is_refused_with_the_choices(report: CheckReport) -> None:
    content = json.loads(CHECK_REPORT.dumps(report))
    content["artifacts"][1]["decision"]["verdict"] = "fine"
    with pytest.raises(MeasurementError, match='verdict is "fine", needed is one of pass'):
        CHECK_REPORT.loads(json.dumps(content), where="r.json")


@pytest.mark.parametrize("text", ["", "[1]", "{}"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(MeasurementError, match="needed is what strop check --output writes"):
        CHECK_REPORT.loads(text, where="r.json")


@pytest.mark.parametrize(
    ("artifacts", "code", "strict_code"),
    [
        ([PASSED], 0, 0),
        ([FASTER], 0, 0),
        ([SLOWER], 1, 1),
        ([UNCLEAR], 0, 3),
        ([SPOILED], 3, 3),
        ([PASSED, SLOWER], 1, 1),
        ([SPOILED, SLOWER], 1, 1),
        ([PASSED, SPOILED], 3, 3),
    ],
)
def test_each_end_has_its_own_exit_code(
    tmp_path: Path, artifacts: list[list[object]], code: int, strict_code: int
) -> None:
    found = report_of(tmp_path / "pi", *artifacts)  # type: ignore[arg-type] # lists of Pair
    assert present_pairs(found, is_strict=False, has_accuracy=False).exit_code == code
    assert present_pairs(found, is_strict=True, has_accuracy=False).exit_code == strict_code


def test_figures_are_of_the_quads_that_count() -> None:
    pairs = [pair(0.0, p50_ns=5 * MS), pair(0.0, p50_ns=5 * MS, valid=0)]
    found = pair_figures(pairs, min_quads=3)
    assert found.old.p50_ns == found.new.p50_ns == 5 * MS
    # Four quads of two blocks of five.
    assert found.old.n == 40
    assert found.old.p90_ns == 5 * MS
    assert found.old.p99_ns is None
    assert found.has_same_outputs


def test_disturbed_quads_are_in_the_figures_where_the_verdict_needs_them() -> None:
    pairs = [pair(0.0, p50_ns=5 * MS, valid=2, reason="stolen time")]
    counted = [pair_figures(pairs, min_quads=least).old.n for least in (2, 3)]
    assert counted == [20, 40]


def test_a_failed_gate_is_a_failure_whatever_the_latency(tmp_path: Path) -> None:
    grown = Change(gate="size", text="1 -> 2", is_worse=True, is_allowed=False)
    found = report_of(tmp_path / "pi", FASTER, gates=[grown])
    assert present_pairs(found, is_strict=False, has_accuracy=False).exit_code == 1
    assert CHECK_REPORT.loads(CHECK_REPORT.dumps(found), where="r.json") == found
    allowed = report_of(tmp_path / "pi2", FASTER, gates=[replace(grown, is_allowed=True)])
    assert present_pairs(allowed, is_strict=True, has_accuracy=False).exit_code == 0
