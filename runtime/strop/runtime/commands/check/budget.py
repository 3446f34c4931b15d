"""`strop check --slo`: whether an artifact holds absolute limits of latency."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

from strop import console
from strop.runtime.check.judge.exit_code import FINE, NOT_MEASURED, REGRESSION
from strop.runtime.check.judge.slo import inferences_needed
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.budget import (
    BudgetChecked,
    BudgetReport,
    SloVerdict,
    check_budget,
)
from strop.runtime.commands.bench.cool_board import cool_board
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.records.json_records import require_writable, write_whole
from strop.runtime.reporting.budget import remedy, summary


def run_budget(
    options: argparse.Namespace, plan: CheckPlan, tell: Callable[[BudgetReport], None]
) -> int:
    """Measure, judge, print, keep the report, tell CI.

    Args:
        options: As `strop check` parses them.
        plan: How long.
        tell: Tells CI.

    Raises:
        ArtifactError, EngineError: What was given cannot be run.
        OutputError: `--output` exists or cannot be written.
        MeasurementError: It could not be measured.
    """
    if options.output is not None:
        require_writable(options.output, force=options.force)
    console.settings(
        "check",
        {
            "artifacts": [str(path) for path in options.artifacts],
            "mode": "budget",
            "limits": [slo.text for slo in options.slo],
            "inferences": f"{max(inferences_needed(slo.q) for slo in options.slo)} at least",
            "threads": plan.num_threads,
            "budget": f"{plan.budget_s:g} s for each artifact",
            "seed": plan.seed,
            "output": options.output,
        },
    )
    with ending_on_signals():
        report = check_budget(
            [Candidate(artifact=path, engine=options.engine) for path in options.artifacts],
            options.slo,
            plan=plan,
            cooled=cool_board(DEFAULT_LIMIT_S),
        )
    code = exit_code(report, is_strict=options.strict)
    if options.json:
        console.json(_as_json(report, code))
    for checked in report.artifacts:
        _print(checked, is_quiet=options.json)
    if options.output is not None:
        write_whole(report.to_json(), options.output)
        console.note(f"raw samples: {options.output}")
    tell(report)
    return code


def exit_code(report: BudgetReport, *, is_strict: bool) -> int:
    """As of every check: 1 where a limit is missed, 3 where nothing was shown."""
    found = {finding.verdict for checked in report.artifacts for finding in checked.findings}
    if SloVerdict.MISSED in found:
        return REGRESSION
    if SloVerdict.INVALID in found or (is_strict and SloVerdict.INCONCLUSIVE in found):
        return NOT_MEASURED
    return FINE


def _print(checked: BudgetChecked, *, is_quiet: bool) -> None:
    for finding in checked.findings:
        if not is_quiet:
            console.line(summary(checked, finding))
        text = remedy(checked, finding)
        if text:
            console.note(f"warning: {checked.subject.name}: {finding.slo.text} {text}")


def _as_json(report: BudgetReport, code: int) -> dict[str, object]:
    return {
        "strop_version": report.strop_version,
        "created_at": report.created_at,
        "exit_code": code,
        "mode": report.mode,
        "plan": asdict(report.plan),
        "machine": asdict(report.machine),
        "place": asdict(report.place),
        "artifacts": [
            {
                "subject": asdict(checked.subject),
                "findings": [
                    {**asdict(finding), "summary": summary(checked, finding)}
                    for finding in checked.findings
                ],
            }
            for checked in report.artifacts
        ],
    }
