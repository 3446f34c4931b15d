"""Trials on one machine: how many, what they say, and that they come back unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats
from tests.runtime.boards import PI_4, recorded
from tests.runtime.check.pairs import pair
from tests.runtime.check.reports import FACTS
from tests.runtime.fake_engines import MS, FakeClock, FakeEngine

from strop import cli
from strop.runtime.check.judge.decide import Decision, Verdict, decide
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.measure.slowed import slowed
from strop.runtime.check.modes.qualification import (
    QUALIFICATION,
    Qualification,
    Trial,
    findings,
    qualification_beside,
    try_out,
)
from strop.runtime.commands.check import self_test as check_self_test
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.machine import machine
from strop.runtime.statistics.exact_bounds import at_least, at_most

PLAN = CheckPlan(seed=5)
DECISION = decide([[pair(0.0)] * 6], PLAN)[0]


def trial(rel_increase: float, verdict: Verdict) -> Trial:
    return Trial(
        rel_increase=rel_increase, decision=replace(DECISION, verdict=verdict), duration_s=1.0
    )


@pytest.fixture
def qualification(tmp_path: Path) -> Qualification:
    return Qualification(
        strop_version="0.1.0",
        artifact="m.tflite",
        sha256="ab" * 32,
        facts=FACTS,
        plan=PLAN,
        machine=machine(recorded(tmp_path / "pi", PI_4)),
        trials=(trial(0.0, Verdict.PASS), trial(0.1, Verdict.REGRESSION)),
    )


@pytest.mark.parametrize(("k", "n"), [(0, 299), (1, 473), (3, 20), (7, 7)])
def test_the_bounds_are_clopper_and_pearsons(k: int, n: int) -> None:
    upper = 1.0 if k == n else stats.beta.ppf(0.95, k + 1, n - k)
    lower = 0.0 if k == 0 else stats.beta.ppf(0.05, k, n - k + 1)
    assert at_most(k, n) == pytest.approx(upper, abs=1e-9)
    assert at_least(k, n) == pytest.approx(lower, abs=1e-9)


def test_no_alarm_in_299_trials_is_below_one_percent_and_in_298_is_not() -> None:
    assert at_most(0, 299) <= 0.01 < at_most(0, 298)


def seconds(per_trial: float) -> tuple[Callable[[], float], Callable[[float, CheckPlan], Decision]]:
    now, seeds = [0.0], []

    def check(rel_increase: float, plan: CheckPlan) -> Decision:
        now[0] += per_trial
        seeds.append(plan.seed)
        assert len(set(seeds)) == len(seeds), "trials with the same rng"
        return DECISION

    return lambda: now[0], check


def test_trials_end_before_the_time_is_over() -> None:
    clock, check = seconds(50)
    trials = try_out(check, PLAN, budget_s=630, clock=clock)
    assert len(trials) == 12
    assert clock() == 600
    assert [each.rel_increase for each in trials[:4]] == [0.0, 0.1, 0.0, 0.05]


def test_too_little_time_for_one_round_is_refused() -> None:
    clock, check = seconds(50)
    with pytest.raises(MeasurementError, match=r"2\.5 minutes are enough for 3.*--minutes 4"):
        try_out(check, PLAN, budget_s=150, clock=clock)


def test_findings_have_exact_bounds_and_what_was_not_decided() -> None:
    trials = [
        *[trial(0.0, Verdict.PASS)] * 19,
        trial(0.0, Verdict.INVALID),
        *[trial(0.05, Verdict.REGRESSION)] * 9,
        trial(0.05, Verdict.INCONCLUSIVE),
    ]
    assert findings(trials) == (
        "equal files: 0 of 20 called a regression (at most 13.9 %), 1 invalid",
        "+5 %: 9 of 10 caught (at least 60.6 %), 1 inconclusive",
    )


def test_a_qualification_comes_back_unchanged(qualification: Qualification) -> None:
    assert QUALIFICATION.loads(QUALIFICATION.dumps(qualification), where="q.json") == qualification


def test_another_format_version_is_refused_by_name(qualification: Qualification) -> None:
    text = json.dumps(json.loads(QUALIFICATION.dumps(qualification)) | {"format_version": 9})
    with pytest.raises(MeasurementError, match="format_version is 9, this strop reads 1, 2;"):
        QUALIFICATION.loads(text, where="q.json")


def test_trials_of_wall_times_do_not_speak_for_checks_of_processor_time(
    qualification: Qualification,
) -> None:
    older = json.loads(QUALIFICATION.dumps(qualification)) | {"format_version": 1}
    del older["plan"]["metric"]
    for each in older["trials"]:
        del each["decision"]["measure"], each["decision"]["disturbed_quads"]
    read = QUALIFICATION.loads(json.dumps(older), where="q.json")
    assert read.trials == qualification.trials
    assert not read.is_of(qualification.machine, PLAN)
    assert read.is_of(qualification.machine, replace(PLAN, metric=Metric.WALL))


def test_a_qualification_is_of_one_machine_and_of_like_plans(qualification: Qualification) -> None:
    here = qualification.machine
    assert qualification.is_of(replace(here, load_average=(9.0,)), replace(PLAN, seed=99))
    assert not qualification.is_of(replace(here, cpu_model="another"), PLAN)
    assert not qualification.is_of(here, replace(PLAN, tolerance=0.01))
    assert not qualification.is_of(here, replace(PLAN, num_threads=2))


def test_a_qualification_is_looked_for_beside_the_baseline(
    qualification: Qualification, tmp_path: Path
) -> None:
    baseline = tmp_path / "old.tflite"
    assert qualification_beside(baseline) is None
    (tmp_path / "qualification.json").write_text(QUALIFICATION.dumps(qualification))
    assert qualification_beside(baseline) == qualification


def test_a_slowed_engine_takes_so_much_longer_every_time() -> None:
    clock = FakeClock()
    engine = slowed(FakeEngine("e", clock, 10 * MS), rel_increase=0.1, clock=clock)
    for _ in range(3):
        start = clock.now
        engine.invoke()
        # Each look at the fake clock costs a nanosecond.
        assert clock.now - start == pytest.approx(11 * MS, abs=8)


def test_the_self_test_prints_and_keeps_what_it_found(
    tiny_onnx: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trials = (trial(0.0, Verdict.PASS), trial(0.1, Verdict.REGRESSION))
    monkeypatch.setattr(check_self_test, "try_out", lambda *_, **__: trials)
    output = tmp_path / "q.json"
    words = ["check", str(tiny_onnx), "--self-test", "--output", str(output)]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "equal files: 0 of 1 called a regression (at most 95.0 %)",
        "+10 %: 1 of 1 caught (at least 5.0 %)",
    ]
    assert QUALIFICATION.loads(output.read_text(), where="q.json").trials == trials


def test_a_self_test_is_of_one_artifact(
    tiny_onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(tiny_onnx), str(tiny_onnx), "--self-test"]) == 2
    assert "--self-test: 2 artifacts; needed is one" in capsys.readouterr().err
