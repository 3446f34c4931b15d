"""How `strop check` says what it found: a line for each artifact, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strop import console
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.figures import PairFigures, pair_figures
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.judge.report import Checked, CheckReport
from strop.runtime.reporting.paired import REMEDIES, summary
from strop.runtime.units import PERCENT


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
