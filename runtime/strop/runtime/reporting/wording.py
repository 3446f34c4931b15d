"""How a check words its figures: durations, changes, and comparisons with a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from strop.runtime.baseline.stored import StoredDecision
from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.gates import Change, failed_gates
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.machine.machine import Machine
from strop.runtime.units import NS_PER_MS, PERCENT

COLUMNS = ("artifact", "verdict", "p50", "bounds", "p50, ms")  # of `decision_cells`


def change_word(change: Change) -> str:
    """One word for a change: whether it fails, is allowed, or is neither."""
    return "WORSE" if change.fails else "allowed" if change.is_worse else "changed"


def percent_change(ratio: float) -> str:
    """By how many percent, signed."""
    # + 0.0: no "-0.0".
    return f"{round((ratio - 1) * PERCENT, 1) + 0.0:+.1f}"


def milliseconds(duration_ns: float) -> str:
    """Three digits of it."""
    return f"{duration_ns / NS_PER_MS:.3g}"


def interval(decision: Decision | StoredDecision) -> str:
    """The change of p50 with its bounds, as in the line of a verdict; empty if it is not known."""
    ratio, low, high = decision.ratio, decision.low, decision.high
    if ratio is None or low is None or high is None or decision.confidence is None:
        return ""
    change, least, most = map(percent_change, (ratio, low, high))
    return f"p50 {change} % [{decision.confidence * PERCENT:.3g} %: {least}, {most}]"


def decision_figures(decision: Decision | StoredDecision, plan: CheckPlan) -> dict[str, object]:
    """What programs read of a comparison."""
    return {
        "verdict": decision.verdict.value,
        "ratio": decision.ratio,
        "ratio_low": decision.low,
        "ratio_high": decision.high,
        "confidence": decision.confidence,
        "detectable_increase": decision.detectable_increase,
        "tolerance": plan.tolerance,
        "limit": plan.limit,
    }


def decision_record(
    subject: Subject,
    decision: Decision | StoredDecision,
    changes: Sequence[Change],
    *,
    figures: Mapping[str, object],
    summary: str,
) -> dict[str, object]:
    """What `--json` prints of a comparison."""
    return {
        "subject": asdict(subject),
        "decision": asdict(decision),
        "changes": [asdict(change) for change in changes],
        "failed_gates": failed_gates(changes),
        **figures,
        "summary": summary,
    }


def baseline_figures(baseline: Subject) -> dict[str, object]:
    """What programs read of the old artifact."""
    return {"baseline": baseline.name, "baseline_sha256": baseline.sha256}


def run_figures(subject: Subject, machine: Machine | None, strop_version: str) -> dict[str, object]:
    """What programs read of the file and of what ran it."""
    facts = subject.anatomy.facts
    return {
        "sha256": subject.sha256,
        "engine": f"{facts.engine} {facts.version}",
        "machine": machine and (machine.board or machine.cpu_model),
        "strop_version": strop_version,
    }


def decision_cells(
    name: str,
    decision: Decision | StoredDecision,
    p50s_ns: tuple[float | None, float | None],
    count: int,
) -> tuple[str, ...]:
    """A row of COLUMNS, then how many pairs or sessions count, and what would have been found.

    Args:
        name: Of the artifact.
        decision: About it.
        p50s_ns: The baseline's, and its own.
        count: Of pairs or sessions.
    """
    bounds = "-"
    if decision.low is not None and decision.high is not None and decision.confidence is not None:
        least, most = percent_change(decision.low), percent_change(decision.high)
        bounds = f"{least} % to {most} % ({decision.confidence * PERCENT:.3g} %)"
    old_ns, new_ns = p50s_ns
    detectable = decision.detectable_increase
    return (
        name,
        decision.verdict.value,
        "-" if decision.ratio is None else f"{percent_change(decision.ratio)} %",
        bounds,
        "-"
        if old_ns is None or new_ns is None
        else f"{milliseconds(old_ns)} → {milliseconds(new_ns)}",
        str(count),
        "-" if detectable is None else f"{detectable * PERCENT:.1f} %",
    )


def remedy_remarks(
    verdict: Verdict, reasons: Sequence[str], remedies: Mapping[Verdict, str]
) -> tuple[tuple[str, str], ...]:
    """A remark on why nothing was shown and what to do; none for a verdict without a remedy."""
    if verdict not in remedies:
        return ()
    return ((f" is {verdict.value}:", "; ".join((*reasons, remedies[verdict]))),)
