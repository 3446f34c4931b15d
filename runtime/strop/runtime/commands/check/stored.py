"""`strop check --mode stored`: an artifact against the numbers of earlier occasions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

from strop import console
from strop.runtime.baseline.directory import SHORT_DIGITS
from strop.runtime.baseline.resolve import Promoted, promoted_of
from strop.runtime.baseline.stored import MIN_SESSIONS
from strop.runtime.baseline.stored_report import StoredChecked, StoredReport, check_stored
from strop.runtime.check.judge.exit_code import exit_code
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.paired import GateOptions
from strop.runtime.commands.bench.cool_board import cool_board
from strop.runtime.commands.check.paired import print_changes
from strop.runtime.errors import PlanError
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.records.json_records import require_writable, write_whole
from strop.runtime.reporting.stored import REMEDIES, summary


def run_stored(
    options: argparse.Namespace, plan: CheckPlan, tell: Callable[[StoredReport], None]
) -> int:
    """Measure, decide, print, keep the report, tell CI.

    Args:
        options: As `strop check` parses them.
        plan: Thresholds and durations.
        tell: Tells CI.

    Raises:
        ArtifactError, EngineError, ContractError: What was given cannot be run, or has no
            certificate where one is asked for.
        BaselineError: The directory has no such baseline, or no session of it.
        OutputError: `--output` exists or cannot be written.
        PlanError: The baseline is no directory.
        MeasurementError: It could not be measured.
    """
    promoted = _promoted(options)
    if options.output is not None:
        require_writable(options.output, force=options.force)
    console.settings("check", _settings(options, plan, promoted))
    with ending_on_signals():
        cool_board(DEFAULT_LIMIT_S)
        report = check_stored(
            promoted,
            [Candidate(artifact=path, engine=options.engine) for path in options.artifacts],
            plan=plan,
            gates=GateOptions(allowed=options.allow, max_drop=options.max_drop),
        )
    code = exit_code(report, is_strict=options.strict)
    if options.json:
        console.json(_as_json(report, code))
    for checked in report.artifacts:
        _print(checked, is_quiet=options.json)
    if options.output is not None:
        write_whole(report.to_json(), options.output)
        console.note(f"report: {options.output}")
    tell(report)
    return code


def _promoted(options: argparse.Namespace) -> Promoted:
    found = None if options.baseline is None else promoted_of(options.baseline)
    if found is None:
        raise PlanError(
            f"--mode stored: --baseline is {options.baseline}; needed is a baseline directory, as"
            " baselines#MODEL"
        )
    return found


def _settings(
    options: argparse.Namespace, plan: CheckPlan, promoted: Promoted
) -> dict[str, object]:
    return {
        "artifacts": [str(path) for path in options.artifacts],
        "baseline": f"{promoted.promotion.model} {promoted.promotion.sha256[:SHORT_DIGITS]}",
        "mode": "stored",
        "sessions": f"{MIN_SESSIONS} at least, of this machine",
        "threads": plan.num_threads,
        "tolerance": f"{plan.tolerance:.1%}",
        "limit": f"{plan.limit:.1%}",
        "seed": plan.seed,
        "output": options.output,
    }


def _print(checked: StoredChecked, *, is_quiet: bool) -> None:
    if not is_quiet:
        console.line(summary(checked))
        print_changes(checked.changes)
    verdict, reasons = checked.decision.verdict, "; ".join(checked.decision.reasons)
    if verdict in REMEDIES:
        name = checked.session.subject.name
        console.note(f"warning: {name} is {verdict.value}: {reasons}; {REMEDIES[verdict]}")


def _as_json(report: StoredReport, code: int) -> dict[str, object]:
    return {
        "strop_version": report.strop_version,
        "created_at": report.created_at,
        "exit_code": code,
        "mode": report.mode,
        "plan": asdict(report.plan),
        "baseline": asdict(report.baseline),
        "artifacts": [
            {
                "subject": asdict(checked.session.subject),
                "decision": asdict(checked.decision),
                "changes": [asdict(change) for change in checked.changes],
                "failed_gates": checked.failed_gates,
                "p50_ns": checked.session.p50_ns,
                "summary": summary(checked),
            }
            for checked in report.artifacts
        ],
    }
