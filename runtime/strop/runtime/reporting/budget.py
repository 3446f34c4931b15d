"""The wording of a check against absolute limits."""

from __future__ import annotations

from collections import Counter

from strop.runtime.check.modes.budget import (
    BudgetChecked,
    SloFinding,
    SloVerdict,
)
from strop.runtime.reporting.paired import milliseconds


def remedy(checked: BudgetChecked, finding: SloFinding) -> str:
    """What to do about a limit of which nothing was shown; empty for others."""
    if finding.verdict is SloVerdict.INCONCLUSIVE:
        return (
            "is neither shown to be held nor to be missed; give it more --budget, or a quieter"
            " machine; this is no pass"
        )
    if finding.verdict is SloVerdict.INVALID:
        return (
            f"is invalid: {_causes(checked)}; end what else runs there, or measure on another"
            " machine; nothing was shown"
        )
    return ""


def summary(checked: BudgetChecked, finding: SloFinding) -> str:
    """The verdict on one limit, and what it rests on, in one line."""
    bounds = [
        f"{milliseconds(value)} {side}"
        for value, side in ((finding.low_ns, "at least"), (finding.high_ns, "at most"))
        if value is not None
    ]
    return (
        f"{finding.verdict.value.upper()} {checked.subject.name} {finding.slo.text}:"
        f" {milliseconds(finding.p_ns)} ms [99 %: {', '.join(bounds) or 'too few'}],"
        f" {finding.inferences} inferences of {len(checked.processes)} processes, the worst"
        f" {milliseconds(finding.worst_process_ns)}"
    )


def _causes(checked: BudgetChecked) -> str:
    blocks = [block for solo in checked.processes for block in solo.blocks]
    counts = Counter(reason for block in blocks for reason in block.reasons)
    dropped = sum(bool(block.reasons) for block in blocks)
    causes = ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())
    return f"{dropped} of {len(blocks)} blocks do not count ({causes})"
