"""Tries checks of equal files and of known slowdowns on one machine, and counts what they say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.runtime.check.judge.decide import BY_WALL_TIME, Decision, Verdict
from strop.runtime.check.measure.plan import BY_THE_WALL, CheckPlan
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.machine import Machine
from strop.runtime.records.record_format import RecordFormat, adding_in, chained
from strop.runtime.statistics.exact_bounds import at_least, at_most
from strop.runtime.units import PERCENT

FILE_NAME = "qualification.json"
EQUAL = 0.0
# Equal files twice as often: a false alarm is what gets a gate switched off.
ROUND = (EQUAL, 0.10, EQUAL, 0.05)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One whole check of a file against its copy.

    Attributes:
        rel_increase: By which every inference of the copy was slowed down; 0.05 = 5 %.
        decision: What the check said.
        duration_s: How long it took.
    """

    rel_increase: float
    decision: Decision
    duration_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Qualification:
    """The trials on one machine.

    Attributes:
        strop_version: Version that measured and decided.
        artifact: File name of what was tried.
        sha256: Of that file, hex.
        facts: What ran it.
        plan: Of every trial, but for the seed: trial i has seed + i.
        machine: On what.
        trials: In order.
    """

    strop_version: str
    artifact: str
    sha256: str
    facts: EngineFacts
    plan: CheckPlan
    machine: Machine
    trials: tuple[Trial, ...]

    def is_of(self, machine: Machine, plan: CheckPlan) -> bool:
        """Whether it holds for checks by this plan on this machine."""
        return _identity(machine, plan) == _identity(self.machine, self.plan)


# History: 1, the first; 2, what the trials compared.
QUALIFICATION = RecordFormat(
    Qualification,
    writer="strop check --self-test",
    version=2,
    upgrades={
        1: chained(
            adding_in("plan", **BY_THE_WALL), adding_in("trials", "decision", **BY_WALL_TIME)
        )
    },
)


def try_out(
    check: Callable[[float, CheckPlan], Decision],
    plan: CheckPlan,
    *,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> tuple[Trial, ...]:
    """Run trials until one more as long as the longest would exceed the time.

    Args:
        check: Checks a file against a copy that is slowed down by the given share.
        plan: Of every trial; each has a seed of its own.
        budget_s: For all.
        clock: Seconds, monotonic.
        on_trial: Gets each trial.

    Raises:
        MeasurementError: Not even one round of ROUND was possible.
    """
    begun = clock()
    trials: list[Trial] = []
    longest_s = 0.0
    while clock() - begun + longest_s <= budget_s:
        number = len(trials)
        rel_increase = ROUND[number % len(ROUND)]
        start = clock()
        decision = check(rel_increase, replace(plan, seed=plan.seed + number))
        trial = Trial(rel_increase=rel_increase, decision=decision, duration_s=clock() - start)
        longest_s = max(longest_s, trial.duration_s)
        trials.append(trial)
        on_trial(trial)
    if len(trials) < len(ROUND):
        raise MeasurementError(
            f"{budget_s / 60:g} minutes are enough for {len(trials)} trials, needed are"
            f" {len(ROUND)}; give --minutes {len(ROUND) * longest_s / 60 + 1:.0f} or more"
        )
    return tuple(trials)


def findings(trials: Sequence[Trial]) -> tuple[str, ...]:
    """A line per slowdown: how many checks called it one, with an exact one-sided 95 % bound."""
    lines = []
    for rel_increase in sorted({trial.rel_increase for trial in trials}):
        verdicts = [
            trial.decision.verdict for trial in trials if trial.rel_increase == rel_increase
        ]
        n, red = len(verdicts), verdicts.count(Verdict.REGRESSION)
        others = {
            verdict.value: verdicts.count(verdict)
            for verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID)
            if verdict in verdicts
        }
        text = (
            f"equal files: {red} of {n} called a regression (at most"
            f" {at_most(red, n) * PERCENT:.1f} %)"
            if rel_increase == EQUAL
            else f"{rel_increase * PERCENT:+g} %: {red} of {n} caught (at least"
            f" {at_least(red, n) * PERCENT:.1f} %)"
        )
        lines.append(", ".join([text, *(f"{count} {name}" for name, count in others.items())]))
    return tuple(lines)


def findings_for(found: Qualification | None, machine: Machine, plan: CheckPlan) -> tuple[str, ...]:
    """The findings of trials by this plan on this machine; empty if there are none."""
    return findings(found.trials) if found is not None and found.is_of(machine, plan) else ()


def qualification_beside(path: Path) -> Qualification | None:
    """The qualification in an artifact's folder; None where there is none.

    Raises:
        MeasurementError: There is one that cannot be read.
    """
    file = path.parent / FILE_NAME
    return QUALIFICATION.read(file) if os.path.lexists(file) else None


def _identity(machine: Machine, plan: CheckPlan) -> tuple[object, ...]:
    """What must be equal for trials to hold: nothing that changes with every run or boot."""
    return (
        *(machine.cpu_model, machine.board, machine.arch, machine.isa, machine.cores_online),
        replace(plan, seed=0, budget_s=1.0, pairs=None),
    )
