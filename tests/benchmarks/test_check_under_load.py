"""Trials under load: which come next, what is said of them, and that the kept ones say it."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from check_under_load import NEIGHBOURS, REASONS, WANTED, next_kind, read_trials, rounded, summary

from strop.runtime.statistics.hodges_lehmann import estimate

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "benchmarks/results/check_under_load.jsonl"


def trial(kind: str, verdict: str, *, load: str = "memory", disturbed: int = 0) -> dict[str, Any]:
    quads = [["ABBA", *[1] * 8, *(["stolen time"] if i < disturbed else [])] for i in range(4)]
    return {
        "kind": kind,
        "load": load,
        "decision": {"verdict": verdict},
        "pairs": [{"quads": quads}],
        "load_average": [4.0, 6.0],
        "duration_s": 30.0,
    }


def test_the_kind_that_is_furthest_behind_is_next() -> None:
    assert next_kind([], {"equal": 4, "+10 %": 2}) == "equal"
    done = [trial("equal", "pass")]
    assert next_kind(done, {"equal": 4, "+10 %": 2}) == "+10 %"
    assert next_kind(done * 4, {"equal": 4}) is None


def test_no_answer_counts_against_a_check_and_a_quiet_machine_is_no_load() -> None:
    trials = [
        *[trial("equal", "pass", disturbed=2)] * 3,
        trial("equal", "inconclusive"),
        trial("equal", "error"),
        trial("equal", "pass", load="quiet"),
    ]
    rows = {row[1]: row for row in summary(trials)}
    kind, _, n, red, at_most, _, passed, unanswered, former, *_ = rows["all under load"]
    assert (kind, n, red, passed, unanswered, former) == ("equal", 5, 0, 3, 2, 3)
    assert at_most == "45.07%"  # 1 - 0.05^(1/5)
    assert rows["quiet"][2] == 1


def test_numbers_are_kept_with_six_digits() -> None:
    assert rounded({"a": [0.12345678, 3, None, "x"]}) == {"a": [0.123457, 3, None, "x"]}


@pytest.fixture(scope="module")
def kept() -> list[dict[str, Any]]:
    return read_trials(KEPT)


def test_the_documented_table_is_what_the_kept_trials_say(kept: list[dict[str, Any]]) -> None:
    pages = (ROOT / "docs/check.md").read_text()
    words = {
        "equal": "of equal files",
        "+10 %": "slowed down by 10 %",
        "+20 %": "slowed down by 20 %",
    }
    for kind in WANTED:
        some = [each for each in kept if (each["kind"], each["load"]) == (kind, NEIGHBOURS)]
        (_, _, n, red, _, _, passed, unanswered, former, *_) = next(
            row for row in summary(some) if row[0] == kind
        )
        assert f"| {n} {words[kind]} | {red} | {passed} | {unanswered} | {former} |" in pages


def test_the_kept_verdicts_follow_from_the_kept_medians(kept: list[dict[str, Any]]) -> None:
    for each in kept:
        ratios = [pair["processor"] for pair in each["pairs"]]
        bounds = estimate(ratios, alpha=0.01)
        assert each["decision"]["ratio"] == pytest.approx(math.exp(bounds.centre), abs=2e-6)
        assert each["decision"]["high"] == pytest.approx(math.exp(bounds.high), abs=2e-6)
        for pair, ratio in zip(each["pairs"], ratios, strict=True):
            found = median(map(log_ratio, pair["quads"]))
            # A median is kept to half a tenth of a microsecond, of 99 or more.
            assert found == pytest.approx(ratio, abs=2e-3)


def log_ratio(quad: list[Any]) -> float:
    """As `Quad.log_ratio` by processor time."""
    medians: dict[str, list[int]] = {"A": [], "B": []}
    for arm, value in zip(quad[0], quad[1:5], strict=True):
        medians[arm].append(value)
    assert len(quad) >= REASONS
    return math.log(min(medians["B"]) / min(medians["A"]))
