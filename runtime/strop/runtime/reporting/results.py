"""A check as a list of tests, for JUnit, annotations, the exit code and the one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from strop.runtime.check.judge.anatomy import Anatomy
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import (
    ACCURACY,
    FLOAT,
    GATES,
    MACS,
    OPERATIONS,
    PARTITIONS,
    UNDELEGATED,
    Change,
)

P50 = "p50"


class Outcome(str, Enum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One artifact in one respect.

    Attributes:
        metric: P50, an absolute limit, or one of GATES.
        outcome: UNKNOWN where nothing is shown, ERROR where that ends the build.
        text: What was found; empty where there is nothing to say.
    """

    metric: str
    outcome: Outcome
    text: str


def latency_result(verdict: Verdict, *, text: str, is_strict: bool, metric: str = P50) -> Result:
    """Make a test of a verdict on latency.

    Args:
        verdict: Of any mode.
        text: The line that says so.
        is_strict: Whether an inconclusive check ends the build.
        metric: What it is about.
    """
    outcome = {
        Verdict.REGRESSION: Outcome.FAILED,
        Verdict.INVALID: Outcome.ERROR,
        Verdict.INCONCLUSIVE: Outcome.ERROR if is_strict else Outcome.UNKNOWN,
    }.get(verdict, Outcome.PASSED)
    return Result(metric=metric, outcome=outcome, text=text)


def gate_results(
    found: Sequence[Change], old: Anatomy, new: Anatomy, *, has_accuracy: bool
) -> tuple[Result, ...]:
    """Make a test of every gate without statistics, in the order of GATES.

    Args:
        found: What is not as in the baseline.
        old: The baseline.
        new: The new artifact.
        has_accuracy: Whether accuracy is a gate.
    """
    changes = {change.gate: change for change in found}
    not_compared = _not_compared(old, new)
    gates = [gate for gate in GATES if has_accuracy or gate != ACCURACY]
    return tuple(_gate(gate, changes.get(gate), gate in not_compared) for gate in gates)


def _gate(gate: str, change: Change | None, is_unknown: bool) -> Result:
    if change is not None:
        outcome = Outcome.FAILED if change.fails else Outcome.PASSED
        return Result(metric=gate, outcome=outcome, text=change.text)
    if is_unknown:
        text = "not compared: another engine runs it, or the engine does not tell"
        return Result(metric=gate, outcome=Outcome.UNKNOWN, text=text)
    return Result(metric=gate, outcome=Outcome.PASSED, text="")


def _not_compared(old: Anatomy, new: Anatomy) -> set[str]:
    """Gates that say nothing because one side has no number; as `gates.changes` has it."""
    a, b = old.structure, new.structure
    if old.facts.engine != new.facts.engine or a is None or b is None:
        return {MACS, OPERATIONS, FLOAT, PARTITIONS, UNDELEGATED}
    numbers = {
        MACS: (a.macs, b.macs),
        PARTITIONS: (old.facts.partitions, new.facts.partitions),
        UNDELEGATED: (a.undelegated, b.undelegated),
    }
    return {gate for gate, both in numbers.items() if None in both}
