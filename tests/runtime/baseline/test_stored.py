"""Stored numbers fail a build only where nothing but the artifact is new."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.baseline.sessions import HARDWARE, MS, STACK, YARDSTICK, session
from tests.runtime.baseline.test_directory import promotion_of
from tests.runtime.commands.check.test_check import SHORT

from strop import cli
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.baseline.directory import BaselineDirectory
from strop.runtime.baseline.index import Index
from strop.runtime.baseline.session import BASELINE_SESSION, BaselineSession, MachineClass
from strop.runtime.baseline.stored import decide_stored
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.modes import stored
from strop.runtime.check.modes.stored import FORMAT
from strop.runtime.commands.check import question

PLAN = CheckPlan()
SHA = "ab" * 32
NOISE = (0.999, 1.001, 1.0, 0.998, 1.002)  # s = 0.16 %
OLDS = [session(5 * MS * noise, hours=2 * i) for i, noise in enumerate(NOISE)]
Change = Callable[[BaselineSession], BaselineSession]


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (1.0, Verdict.PASS),
        (1.02, Verdict.PASS),
        (1.03, Verdict.REGRESSION),
        (1.2, Verdict.REGRESSION),
        (0.9, Verdict.IMPROVED),
    ],
)
def test_a_quiet_machine_shows_what_is_beyond_the_tolerance(ratio: float, verdict: Verdict) -> None:
    found = decide_stored(session(5 * MS * ratio, hours=99), OLDS, PLAN)
    assert found.verdict is verdict
    assert found.ratio == pytest.approx(ratio, rel=1e-3)
    assert found.sessions == 5
    assert found.session_deviation == pytest.approx(0.00158, rel=0.01)


def test_a_noisy_one_shows_less_and_says_how_much() -> None:
    olds = [session(5 * MS * (1 + 8 * (n - 1)), hours=2 * i) for i, n in enumerate(NOISE)]
    found = decide_stored(session(5 * MS * 1.05, hours=99), olds, PLAN)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[0].startswith("neither a slowdown above 2.0%")
    # 2 % and (3.75 + 2.13) standard errors of 1.39 %.
    assert found.detectable_increase == pytest.approx(0.107, abs=0.001)


def test_equal_files_are_called_slower_in_one_of_a_hundred_and_less() -> None:
    """At the tolerance itself; equal ones less often."""
    rng, trials = random.Random(0), 2000
    red = 0
    for _ in range(trials):
        olds = [session(5 * MS * 2.718 ** rng.gauss(0, 0.01), hours=2 * i) for i in range(5)]
        new = session(5 * MS * 1.02 * 2.718 ** rng.gauss(0, 0.01), hours=99)
        red += decide_stored(new, olds, PLAN).verdict is Verdict.REGRESSION
    # 34 of 2,000 at 1 % has probability 2e-3.
    assert red <= 34


def elsewhere(one: BaselineSession) -> BaselineSession:
    return replace(one, place=replace(one.place, hardware=replace(HARDWARE, cores=2)))


def shared(one: BaselineSession) -> BaselineSession:
    return replace(one, machine_class=MachineClass.SHARED)


def upgraded(one: BaselineSession) -> BaselineSession:
    return replace(one, place=replace(one.place, stack=replace(STACK, numpy="2.2.0")))


def another_engine(one: BaselineSession) -> BaselineSession:
    facts = replace(one.subject.anatomy.facts, version="2.4.0")
    anatomy = replace(one.subject.anatomy, facts=facts)
    return replace(one, subject=replace(one.subject, anatomy=anatomy))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (elsewhere, "of other hardware: 1"),
        (upgraded, "of other software: 1"),
        (another_engine, "of other software: 1"),
        (
            lambda one: replace(one, machine_class=MachineClass.SHARED),
            "recorded without --machine dedicated: 1",
        ),
        (lambda one: replace(one, processes=one.processes[:2]), "measured for another time: 1"),
        (lambda one: replace(one, created_at=OLDS[1].created_at), "within an hour of another: 1"),
        (lambda one: session(invalid_blocks=3), "invalid: 1"),
    ],
)
def test_a_session_that_differs_in_more_than_the_artifact_does_not_count(
    change: Change, why: str
) -> None:
    found = decide_stored(session(9 * MS, hours=99), [*OLDS[1:], change(OLDS[0])], PLAN)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == (
        f"4 sessions of the baseline count, needed are 5 (not counted: {why})",
    )


def test_a_seed_or_a_threshold_is_no_such_difference() -> None:
    other = replace(OLDS[0], plan=replace(PLAN, seed=7, tolerance=0.01, budget_s=5.0))
    assert decide_stored(session(hours=99), [*OLDS[1:], other], PLAN).sessions == 5


@pytest.mark.parametrize("olds", [[], OLDS[:1], OLDS[:4]])
def test_too_few_sessions_are_never_a_pass(olds: Sequence[BaselineSession]) -> None:
    assert decide_stored(session(hours=99), olds, PLAN).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("factor", [1.05, 0.95])
def test_a_machine_that_has_changed_either_way_decides_nothing(factor: float) -> None:
    measure = replace(YARDSTICK, copy_ns=round(YARDSTICK.copy_ns * factor))
    found = decide_stored(session(9 * MS, hours=99, measure=measure), OLDS, PLAN)
    assert found.verdict is Verdict.INCONCLUSIVE
    (reason,) = found.reasons
    assert reason.startswith(f"the machine has changed: copy {factor - 1:+.1%}".replace("%", " %"))


def test_a_session_that_does_not_count_is_invalid() -> None:
    found = decide_stored(session(hours=99, invalid_blocks=3), OLDS, PLAN)
    assert found.verdict is Verdict.INVALID
    assert found.reasons == ("38% of the blocks do not count; 25% may be",)


def test_several_artifacts_share_what_may_be_missed() -> None:
    alone, shared = (
        decide_stored(session(hours=99), OLDS, PLAN, artifacts=count) for count in (1, 3)
    )
    assert alone.high is not None
    assert shared.high is not None
    assert shared.high > alone.high
    assert shared.confidence == pytest.approx(1 - 0.01 / 3)


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_onnx: Path) -> BaselineDirectory:
    """The sessions of a promoted artifact without its file; what is measured is made up."""
    made = BaselineDirectory(tmp_path / "kept")
    for each in OLDS:
        made.add_session(each)
    made.write_index(Index(models=(promotion_of(SHA),)))
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    sha256 = sha256_file(tiny_onnx)
    monkeypatch.setattr(
        stored,
        "measure_session",
        lambda *_, **__: session(6 * MS, sha256=sha256, hours=99),
    )
    return made


def test_numbers_are_compared_with_where_there_is_no_file(
    numbers: BaselineDirectory,
    tiny_onnx: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["check", str(tiny_onnx), "--baseline", f"{numbers.path}#m"]
    assert cli.main([*words, "--output", str(tmp_path / "r.json")]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("REGRESSION model.tflite p50 +20.0 % [99 %: +19.2, +20.8], 5 ses")
    assert printed.out.endswith(", 5 -> 6 ms\n")
    assert "mode       stored" in printed.err
    report = FORMAT.loads((tmp_path / "r.json").read_text(), where="r.json")
    assert report.sessions == tuple(OLDS)
    older = json.loads((tmp_path / "r.json").read_text()) | {"format_version": 1}
    sessions = [*older["sessions"], *(each["session"] for each in older["artifacts"])]
    for plan in (older["plan"], *(each["plan"] for each in sessions)):
        del plan["metric"]
    assert FORMAT.loads(json.dumps(older), where="r.json").plan.metric is Metric.WALL
    session_v1 = older["sessions"][0] | {"format_version": 1}
    assert BASELINE_SESSION.loads(json.dumps(session_v1), where="s").plan.metric is Metric.WALL
    junit, table = tmp_path / "j.xml", tmp_path / "t.md"
    assert cli.main([*words, "--junit", str(junit), "--markdown", str(table)]) == 1
    assert 'message="REGRESSION model.tflite p50 +20.0 %' in junit.read_text()
    assert "| **regression** | +20.0 % | +19.2 % to +20.8 % (99 %) | 5 → 6 | 5 |" in (
        table.read_text()
    )
    capsys.readouterr()
    assert cli.main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["artifacts"][0]["decision"]["sessions"] == 5


def test_too_few_numbers_without_a_file_are_no_baseline(
    numbers: BaselineDirectory, tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next((numbers.path / "sessions" / SHA).iterdir()).unlink()
    words = ["check", str(tiny_onnx), "--baseline", f"{numbers.path}#m"]
    assert cli.main(words) == 4
    assert "is not there; fetch it" in capsys.readouterr().err
    # Asked for by name they are looked at, and are a warning.
    assert cli.main([*words, "--mode", "stored"]) == 0
    assert "4 sessions of the baseline count, needed are 5" in capsys.readouterr().err
    assert cli.main([*words, "--mode", "stored", "--strict"]) == 3


def test_an_artifact_is_measured_and_held_against_its_own_record(
    tiny_onnx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = BaselineDirectory(tmp_path / "kept")
    sha256 = sha256_file(tiny_onnx)
    made.add_session(session(sha256=sha256))
    made.write_index(Index(models=(promotion_of(sha256),)))
    monkeypatch.setattr(question, "CheckPlan", lambda: SHORT)
    words = ["check", str(tiny_onnx), "--baseline", str(made.path), "--mode", "stored"]
    # The record is of a Raspberry Pi: neither its latency nor its memory is held against it.
    assert cli.main([*words, "--strict"]) == 3
    printed = capsys.readouterr()
    assert printed.out == "INCONCLUSIVE tiny.int8.onnx p50 not compared, 0 sessions\n"
    assert "(not counted: of other hardware: 1)" in printed.err


def test_what_else_changed_is_told_by_the_last_session_that_counts(
    numbers: BaselineDirectory,
    tiny_onnx: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = session(hours=99)
    grown = replace(new.subject.anatomy, size_bytes=2 * new.subject.anatomy.size_bytes)
    new = replace(new, subject=replace(new.subject, anatomy=grown))
    monkeypatch.setattr(stored, "measure_session", lambda *_, **__: new)
    assert cli.main(["check", str(tiny_onnx), "--baseline", f"{numbers.path}#m"]) == 1
    verdict, change = capsys.readouterr().out.splitlines()
    assert verdict.startswith("PASS ")
    assert change == "  WORSE size: 3,418.0 -> 6,835.9 KiB (+100.0 %)"


def test_a_file_has_no_stored_numbers(tiny_onnx: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(tiny_onnx), "--baseline", "a.onnx", "--mode", "stored"]) == 2
    assert "needed is a baseline directory" in capsys.readouterr().err
