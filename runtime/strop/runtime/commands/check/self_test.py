"""`strop check --self-test`: what a check is worth on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop import console
from strop.runtime.check.judge.anatomy import subject
from strop.runtime.check.judge.decide import Decision
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.paired import check_paired
from strop.runtime.check.modes.qualification import (
    FILE_NAME,
    QUALIFICATION,
    Qualification,
    Trial,
    findings,
    try_out,
)
from strop.runtime.commands.check.on_board import QualifyRequest, qualify_on_board
from strop.runtime.commands.notes import cool_board
from strop.runtime.errors import PlanError
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.machine.machine import machine
from strop.runtime.records.user_files import require_writable
from strop.runtime.records.version import installed_version
from strop.runtime.remote.address import Target
from strop.runtime.units import PERCENT

DEFAULT_MINUTES = 10.0
S_PER_MINUTE = 60


def run_self_test(options: argparse.Namespace, plan: CheckPlan, target: Target | None) -> int:
    """Try equal files and known slowdowns, print what came of it, keep it.

    Args:
        options: As `strop check` parses them; one artifact.
        plan: Of every trial.
        target: The board; None for this machine.

    Raises:
        ArtifactError, EngineError: The artifact cannot be run.
        OutputError: The qualification exists or cannot be written.
        PlanError: More than one artifact.
        TargetError: The board cannot be reached, or lacks something.
        MeasurementError: Too little time, or it could not be measured.
    """
    if len(options.artifacts) != 1:
        raise PlanError(
            f"--self-test: {len(options.artifacts)} artifacts; needed is one, typical of those"
            " that will be checked"
        )
    artifact: Path = options.artifacts[0]
    output = artifact.parent / FILE_NAME if options.output is None else options.output
    require_writable(output, force=options.force)
    request = QualifyRequest(
        artifact=artifact, engine=options.engine, plan=plan, minutes=options.minutes
    )
    qualification = qualify(request) if target is None else qualify_on_board(target, request)
    trials = qualification.trials
    QUALIFICATION.write(qualification, output)
    lines = findings(trials)
    if options.json:
        console.json({"output": str(output), "trials": len(trials), "findings": lines})
    else:
        for line in lines:
            console.line(line)
    console.note(f"{len(trials)} trials: {output}; checks with a baseline beside it quote them")
    return 0


def qualify(request: QualifyRequest) -> Qualification:
    """Try checks of one artifact against its copy on this machine.

    Raises:
        ArtifactError, EngineError: The artifact cannot be run.
        MeasurementError: Too little time, or it could not be measured.
    """
    artifact, plan = request.artifact, request.plan
    candidate = Candidate(artifact=artifact, engine=request.engine)
    tried = subject(candidate, plan)
    before = machine()
    cool_board(DEFAULT_LIMIT_S)

    def check(rel_increase: float, trial_plan: CheckPlan) -> Decision:
        slowed = Candidate(artifact=artifact, engine=request.engine, slowdown=rel_increase)
        return check_paired(candidate, [slowed], plan=trial_plan).artifacts[0].decision

    with ending_on_signals():
        trials = try_out(check, plan, budget_s=request.minutes * S_PER_MINUTE, on_trial=_say)
    return Qualification(
        strop_version=installed_version(),
        artifact=tried.name,
        sha256=tried.sha256,
        facts=tried.anatomy.facts,
        plan=plan,
        machine=before,
        trials=trials,
    )


def _say(trial: Trial) -> None:
    console.note(
        f"{trial.rel_increase * PERCENT:+g} %: {trial.decision.verdict.value},"
        f" {trial.decision.pairs} pairs, {trial.duration_s:.0f} s"
    )
