"""A check as a list of tests, for what takes nothing else: JUnit, annotations, one word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from strop.runtime.check.decide import Decision, Verdict
from strop.runtime.check.gates import (
    ACCURACY,
    FLOAT,
    GATES,
    MACS,
    OPERATIONS,
    PARTITIONS,
    UNDELEGATED,
    Anatomy,
)
from strop.runtime.check.report import Checked, CheckReport

P50 = "p50"
WORSE = "worse"  # a gate without statistics fails, and the latency does not
# From bad to good: a check of several artifacts is what its worst one is.
ORDER = (
    *(Verdict.REGRESSION.value, WORSE, Verdict.INVALID.value, Verdict.INCONCLUSIVE.value),
    *(Verdict.PASS.value, Verdict.IMPROVED.value),
)


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
        metric: P50, or one of GATES.
        outcome: UNKNOWN where nothing is shown, ERROR where that ends the build.
        text: What was found; empty where there is nothing to say.
    """

    metric: str
    outcome: Outcome
    text: str


def results(
    checked: Checked, baseline: Anatomy, *, is_strict: bool, has_accuracy: bool
) -> tuple[Result, ...]:
    """p50, and then every gate, in the order of GATES.

    Args:
        checked: One new artifact.
        baseline: What it was held against.
        is_strict: Whether an inconclusive check ends the build.
        has_accuracy: Whether accuracy is a gate.
    """
    gates = [gate for gate in GATES if has_accuracy or gate != ACCURACY]
    return (_p50(checked.decision, is_strict=is_strict), *_gates(checked, baseline, gates))


def overall(report: CheckReport) -> str:
    """The check in one word of ORDER."""
    return min(map(_word, report.artifacts), key=ORDER.index)


def largest_ratio(report: CheckReport) -> float | None:
    """p50 over the baseline's, of the artifact that is slowest by it; None if none has one."""
    ratios = [checked.decision.ratio for checked in report.artifacts]
    return max((ratio for ratio in ratios if ratio is not None), default=None)


def _word(checked: Checked) -> str:
    if checked.decision.verdict is not Verdict.REGRESSION and checked.failed_gates:
        return WORSE
    return checked.decision.verdict.value


def _p50(decision: Decision, *, is_strict: bool) -> Result:
    outcome = {
        Verdict.REGRESSION: Outcome.FAILED,
        Verdict.INVALID: Outcome.ERROR,
        Verdict.INCONCLUSIVE: Outcome.ERROR if is_strict else Outcome.UNKNOWN,
    }.get(decision.verdict, Outcome.PASSED)
    return Result(metric=P50, outcome=outcome, text="; ".join(decision.reasons))


def _gates(checked: Checked, baseline: Anatomy, gates: list[str]) -> Iterator[Result]:
    changes = {change.gate: change for change in checked.changes}
    not_compared = _not_compared(baseline, checked.subject.anatomy)
    for gate in gates:
        change = changes.get(gate)
        if change is not None:
            outcome = Outcome.FAILED if change.fails else Outcome.PASSED
            yield Result(metric=gate, outcome=outcome, text=change.text)
        elif gate in not_compared:
            yield Result(
                metric=gate,
                outcome=Outcome.UNKNOWN,
                text="not compared: another engine runs it, or the engine does not tell",
            )
        else:
            yield Result(metric=gate, outcome=Outcome.PASSED, text="")


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
