"""The wording of a check against stored sessions."""

from __future__ import annotations

from strop.runtime.baseline.stored import StoredDecision
from strop.runtime.baseline.stored_report import StoredChecked
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.reporting.paired import milliseconds, percent_change
from strop.runtime.units import PERCENT

REMEDIES = {
    Verdict.INCONCLUSIVE: "compare with the file itself (--mode paired), or record more sessions;"
    " this is no pass",
    Verdict.INVALID: "end what else runs there; nothing was shown",
}


def summary(checked: StoredChecked) -> str:
    """The verdict and what it rests on, in one line."""
    decision, p50_ns = checked.decision, checked.session.p50_ns
    parts = [
        f"{decision.verdict.value.upper()} {checked.session.subject.name} {_change(decision)}",
        f"{decision.sessions} sessions",
    ]
    if decision.detectable_increase is not None:
        parts.append(f"detectable {decision.detectable_increase * PERCENT:.1f} %")
    if decision.ratio is not None and p50_ns is not None:
        parts.append(f"{milliseconds(p50_ns / decision.ratio)} -> {milliseconds(p50_ns)} ms")
    return ", ".join(parts)


def _change(decision: StoredDecision) -> str:
    ratio, low, high = decision.ratio, decision.low, decision.high
    if ratio is None or low is None or high is None:
        return "p50 not compared"
    change, least, most = map(percent_change, (ratio, low, high))
    confidence = f"{decision.confidence * PERCENT:.3g}"
    return f"p50 {change} % [{confidence} %: {least}, {most}]"
