"""The trials of `strop check`: which come next, where they go on, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from check_trials import COLUMNS, KINDS, first_second, next_kind, read_trials, run_all, summary

from strop.runtime.check.judge.decide import Verdict
from strop.runtime.errors import MeasurementError

HEADER = {"format_version": 1, "sha256": "ab"}


def trial(kind: str, verdict: Verdict, *, detectable: float = 0.04) -> dict[str, Any]:
    return {
        "kind": kind,
        "decision": {"verdict": verdict, "detectable_increase": detectable},
        "sequential": {"cold_ratio": 1.06, "warm_ratio": 1.01},
        "duration_s": 30.0,
    }


def ran(kind: str, number: int) -> dict[str, Any]:
    found = trial(kind, Verdict.PASS)
    return {key: found[key] for key in ("decision", "sequential", "duration_s")}


def test_the_kind_that_is_furthest_behind_is_next() -> None:
    wanted = {"equal": 4, "+5 %": 2}
    done = [{"kind": "equal"}]
    assert next_kind([], wanted) == "equal"
    assert next_kind(done, wanted) == "+5 %"
    assert next_kind([*done, *[{"kind": "+5 %"}] * 2], wanted) == "equal"
    assert next_kind([*done * 4, *[{"kind": "+5 %"}] * 2], wanted) is None


def test_a_run_that_was_cut_off_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    run_all(path, HEADER, {"equal": 2}, run=ran)
    with path.open("a") as file:
        file.write('{"kind": "equ')
    numbers: list[int] = []

    def count(kind: str, number: int) -> dict[str, Any]:
        numbers.append(number)
        return ran(kind, number)

    trials = run_all(path, HEADER, {"equal": 4}, run=count)
    assert numbers == [2, 3]
    assert [each["number"] for each in trials] == [0, 1, 2, 3]
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 5


def test_trials_of_another_artifact_are_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    read_trials(path, HEADER)
    with pytest.raises(MeasurementError, match="another sha256 than now"):
        read_trials(path, HEADER | {"sha256": "cd"})


def test_the_summary_counts_verdicts_and_what_simpler_gates_said() -> None:
    trials = [
        *[trial("equal", Verdict.PASS)] * 299,
        *[trial("+5 %", Verdict.REGRESSION)] * 3,
        trial("+5 %", Verdict.INCONCLUSIVE, detectable=0.09),
    ]
    rows = {str(row[0]): dict(zip(COLUMNS, row, strict=True)) for row in summary(trials)}
    assert rows["equal"]["regression"] == 0
    assert rows["equal"]["at most %"] == "1.00"
    assert rows["equal"]["median:5% red"] == 299
    assert rows["equal"]["ratio > 1.05 red"] == 0
    assert (rows["+5 %"]["n"], rows["+5 %"]["inconclusive"]) == (4, 1)
    able = rows["+5 %, detectable <= 5%"]
    assert (able["n"], able["regression"]) == (3, 3)


def test_there_are_enough_trials_for_what_is_promised() -> None:
    assert KINDS["equal"].wanted >= 299
    assert KINDS["+10 %"].wanted >= 59


def test_only_the_first_second_counts_for_pytest_benchmark() -> None:
    assert first_second([400_000_000] * 9) == [400_000_000] * 3
    assert first_second([9_000_000_000]) == [9_000_000_000]
