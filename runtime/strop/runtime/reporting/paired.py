"""The wording of a check by pairs."""

from __future__ import annotations

from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.figures import pair_figures
from strop.runtime.check.judge.report import Checked
from strop.runtime.units import NS_PER_MS, PERCENT

REMEDIES = {
    Verdict.INCONCLUSIVE: "give it more --budget, or a quieter machine; this is no pass",
    Verdict.INVALID: "end what else runs there, or measure on another machine; nothing was shown",
}


def summary(checked: Checked) -> str:
    """The verdict and what it rests on, in one line."""
    decision = checked.decision
    parts = [f"{decision.verdict.value.upper()} {checked.subject.name} {_change(decision)}"]
    parts.append(f"{decision.pairs} pairs")
    if decision.detectable_increase is not None:
        parts.append(f"detectable {decision.detectable_increase * PERCENT:.1f} %")
    figures = pair_figures(checked.pairs)
    if figures.old.p50_ns is not None and figures.new.p50_ns is not None:
        parts.append(f"{milliseconds(figures.old.p50_ns)} -> {milliseconds(figures.new.p50_ns)} ms")
    parts.append(_machine(decision))
    return ", ".join(parts)


def _change(decision: Decision) -> str:
    ratio, low, high = decision.ratio, decision.low, decision.high
    if ratio is None or low is None or high is None or decision.confidence is None:
        return "p50 not measured"
    change, least, most = map(percent_change, (ratio, low, high))
    return f"p50 {change} % [{decision.confidence * PERCENT:.3g} %: {least}, {most}]"


def percent_change(ratio: float) -> str:
    """By how many percent, signed."""
    # + 0.0: no "-0.0".
    return f"{round((ratio - 1) * PERCENT, 1) + 0.0:+.1f}"


def _machine(decision: Decision) -> str:
    if not decision.dropped_quads:
        return "machine ok"
    return f"{decision.dropped_quads} of {decision.quads} quads dropped"


def milliseconds(duration_ns: float) -> str:
    """Three digits of it."""
    return f"{duration_ns / NS_PER_MS:.3g}"
