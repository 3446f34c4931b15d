"""How `strop check` says what it found: a line for each artifact, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strop import console
from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.figures import PairFigures, pair_figures
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import Checked, CheckReport

NS_PER_MS = 1_000_000
BYTES_PER_MIB = 1 << 20
PERCENT = 100
REMEDIES = {
    Verdict.INCONCLUSIVE: "give it more --budget, or a quieter machine; this is no pass",
    Verdict.INVALID: "end what else runs there, or measure on another machine; nothing was shown",
}


def print_report(report: CheckReport, *, code: int, as_json: bool) -> None:
    """Print verdicts to stdout, and what goes with them to stderr.

    Args:
        report: As measured.
        code: Exit code, for the JSON.
        as_json: All figures, in place of the lines.
    """
    if as_json:
        console.json(_as_json(report, code))
    for checked in report.artifacts:
        if not as_json:
            _print(checked)
        _notes(checked)
    for line in report.qualification:
        console.note(f"tried on this machine, {line}")


def _print(checked: Checked) -> None:
    console.line(summary(checked))
    print_changes(checked.changes)


def print_changes(changes: Sequence[Change]) -> None:
    """What else is not as in the baseline, a line each."""
    for change in changes:
        word = "WORSE" if change.fails else "allowed" if change.is_worse else "changed"
        console.line(f"  {word} {change.gate}: {change.text}")


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


def _notes(checked: Checked) -> None:
    decision, name = checked.decision, checked.subject.name
    if decision.verdict in REMEDIES:
        reasons = "; ".join(decision.reasons)
        console.note(
            f"warning: {name} is {decision.verdict.value}: {reasons}; {REMEDIES[decision.verdict]}"
        )
    figures = pair_figures(checked.pairs)
    if not figures.has_same_inputs:
        console.note(f"{name}: its input is another one than the baseline's")
    if figures.has_same_inputs and not figures.has_same_outputs:
        console.note(f"{name}: {_output_note(figures)}")
    cpu = decision.cpu_ratio
    if decision.verdict is Verdict.REGRESSION and cpu is not None:
        console.note(f"{name}: processor time {(cpu - 1) * PERCENT:+.1f} %")


def _output_note(figures: PairFigures) -> str:
    if figures.max_output_diff is None:
        return "its output has another shape than the baseline's"
    return f"its scores differ from the baseline's by {figures.max_output_diff:g} at most"


def _as_json(report: CheckReport, code: int) -> dict[str, object]:
    return {
        "strop_version": report.strop_version,
        "exit_code": code,
        "mode": report.mode,
        "plan": asdict(report.plan),
        "machine": asdict(report.machine),
        "board_before": asdict(report.board_before),
        "board_after": asdict(report.board_after),
        "baseline": asdict(report.baseline),
        "qualification": report.qualification,
        "artifacts": [
            {
                "subject": asdict(checked.subject),
                "decision": asdict(checked.decision),
                "changes": [asdict(change) for change in checked.changes],
                "failed_gates": checked.failed_gates,
                "figures": asdict(pair_figures(checked.pairs)),
                "summary": summary(checked),
            }
            for checked in report.artifacts
        ],
    }


def milliseconds(duration_ns: float) -> str:
    """Three digits of it."""
    return f"{duration_ns / NS_PER_MS:.3g}"
