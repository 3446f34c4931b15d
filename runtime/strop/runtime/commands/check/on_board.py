"""`strop check --target`: a board measures both artifacts, its report comes home."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from strop.runtime.artifact.artifact import detect_format, sha256_file
from strop.runtime.check.judge.certified import Certified, certified
from strop.runtime.check.judge.gates import accuracy_changes
from strop.runtime.check.judge.report import CHECK_REPORT, Checked, CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.paired import GateOptions, require_baseline
from strop.runtime.check.modes.qualification import (
    QUALIFICATION,
    Qualification,
    findings_for,
    qualification_beside,
)
from strop.runtime.commands.flags.target import require_same_files, started, target_of
from strop.runtime.errors import MeasurementError
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote.address import Target
from strop.runtime.remote.task import make_task

# Of the options, what is needed there; the plan has the rest.
SENT = ("artifacts", "engine", "allow", "mode", "self_test", "minutes")


def check_on_board(options: argparse.Namespace, plan: CheckPlan, gates: GateOptions) -> CheckReport:
    """Have a board hold the new artifacts against the baseline.

    The manifest and the qualification lie beside the artifacts here: what they say is judged
    here.

    Args:
        options: Of `strop check`.
        plan: Thresholds and durations.
        gates: What may change beside the latency.

    Raises:
        BaselineError: There is no baseline file here.
        ContractError: There is no certificate where one is asked for.
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the report is not of this check.
        StropError: As `strop check` raised it there.
    """
    target = target_of(options)
    require_baseline(options.baseline)
    qualified = qualification_beside(options.baseline)
    certificates = [
        None if gates.max_drop is None else certified(path, sha256_file(path))
        for path in options.artifacts
    ]
    text = _performed(target, options, plan, baseline=options.baseline)
    report = CHECK_REPORT.loads(text, where=f"{target}: the report")
    _require_same_plan(target, report.plan, plan)
    subjects = [report.baseline, *(checked.subject for checked in report.artifacts)]
    require_same_files(
        target,
        [(subject.name, subject.sha256) for subject in subjects],
        [options.baseline, *options.artifacts],
    )
    return replace(
        report,
        artifacts=tuple(
            _with_accuracy(checked, certificate, gates)
            for checked, certificate in zip(report.artifacts, certificates, strict=True)
        ),
        qualification=findings_for(qualified, report.machine, plan),
    )


def qualify_on_board(options: argparse.Namespace, plan: CheckPlan) -> Qualification:
    """Have a board try checks of one artifact against its copy.

    Args:
        options: Of `strop check --self-test`; one artifact.
        plan: Of every trial.

    Raises:
        ArtifactError: The file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the qualification is not of this artifact.
        StropError: As `strop check --self-test` raised it there.
    """
    target = target_of(options)
    text = _performed(target, options, plan, baseline=None)
    found = QUALIFICATION.loads(text, where=f"{target}: the qualification")
    _require_same_plan(target, found.plan, plan)
    require_same_files(target, [(found.artifact, found.sha256)], options.artifacts)
    return found


def plan_there(options: argparse.Namespace) -> CheckPlan:
    """The plan that came to the board; to be asked there."""
    plan = parse_json(
        options.plan, where="the plan", error=MeasurementError, remedy="is that strop the same?"
    )
    return read_typed(plan, CheckPlan, at="the plan")


def _performed(
    target: Target, options: argparse.Namespace, plan: CheckPlan, *, baseline: Path | None
) -> str:
    """What the board prints."""
    sent = {name: getattr(options, name) for name in SENT}
    there = argparse.Namespace(
        **sent, baseline=baseline, baseline_python=None, plan=json.dumps(asdict(plan))
    )
    formats = {detect_format(path) for path in (*options.artifacts, baseline) if path is not None}
    task = make_task("check", there)
    # Ended by SIGTERM, ssh ends with us, and with it what runs there.
    with (
        ending_on_signals(),
        started(target, task, formats=formats, engine=options.engine) as running,
    ):
        text = running.whole()
        running.check()
    return text


def _with_accuracy(checked: Checked, certificate: Certified | None, gates: GateOptions) -> Checked:
    if certificate is None:
        return checked
    found = accuracy_changes(certificate, gates)
    return replace(checked, changes=(*checked.changes, *found))


def _require_same_plan(target: Target, found: CheckPlan, plan: CheckPlan) -> None:
    if found != plan:
        raise MeasurementError(
            f"{target}: the check was made by another plan than the one sent; is that board yours?"
        )
