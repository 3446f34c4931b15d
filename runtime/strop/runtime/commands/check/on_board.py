"""`strop check --target`: a board measures both artifacts, its report comes home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.check.judge.gates import accuracy_changes, certificate_for
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes.paired import require_baseline
from strop.runtime.check.modes.qualification import (
    Qualification,
    findings_for,
    qualification_beside,
)
from strop.runtime.check.modes.request import Question
from strop.runtime.commands.flags.target import started
from strop.runtime.errors import MeasurementError
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Command, RecordT, RequestT
from strop.runtime.remote.task import require_same_files


@dataclass(frozen=True, kw_only=True, slots=True)
class QualifyRequest:
    """Asks for trials of one artifact against its copy.

    Attributes:
        artifact: The file.
        engine: A name in ENGINES; None for the best that is installed.
        plan: Of every trial.
        minutes: For all trials.
    """

    artifact: Path
    engine: str | None
    plan: CheckPlan
    minutes: float


CHECK = Command(name="check", request=Question, record=CheckReport)
QUALIFY = Command(name="check --self-test", request=QualifyRequest, record=Qualification)


def check_on_board(target: Target, question: Question) -> CheckReport:
    """Have a board hold the new artifacts against the baseline.

    The manifest and the qualification lie beside the artifacts here: what they say is judged
    here.

    Args:
        target: The board.
        question: Its baseline is a file, and its Python this one.

    Raises:
        BaselineError: There is no baseline file here.
        ContractError: There is no certificate where one is asked for.
        ArtifactError: A file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the report is not of this check.
        StropError: As `strop check` raised it there.
    """
    plan, gates = question.plan, question.gates
    baseline = question.baseline or question.artifacts[0]
    require_baseline(baseline)
    qualified = qualification_beside(baseline)
    certificates = [certificate_for(path, sha256_file(path), gates) for path in question.artifacts]
    files = [baseline, *question.artifacts]
    there = replace(question, gates=replace(gates, max_drop=None))
    report = _record(target, CHECK, there, files, question.engine)
    _require_same_plan(target, report.plan, plan)
    subjects = [report.baseline, *(checked.subject for checked in report.artifacts)]
    require_same_files(target, [(each.name, each.sha256) for each in subjects], files)
    return replace(
        report,
        artifacts=tuple(
            replace(checked, changes=(*checked.changes, *accuracy_changes(certificate, gates)))
            for checked, certificate in zip(report.artifacts, certificates, strict=True)
        ),
        qualification=findings_for(qualified, report.machine, plan),
    )


def qualify_on_board(target: Target, request: QualifyRequest) -> Qualification:
    """Have a board try checks of one artifact against its copy.

    Raises:
        ArtifactError: The file is no artifact.
        TargetError: The board cannot be reached, lacks something, or its disk is full.
        MeasurementError: The connection was lost, or the qualification is not of this artifact.
        StropError: As `strop check --self-test` raised it there.
    """
    found = _record(target, QUALIFY, request, [request.artifact], request.engine)
    _require_same_plan(target, found.plan, request.plan)
    require_same_files(target, [(found.artifact, found.sha256)], [request.artifact])
    return found


def _record(
    target: Target,
    command: Command[RequestT, RecordT],
    request: RequestT,
    artifacts: Sequence[Path],
    engine: str | None,
) -> RecordT:
    # Ended by SIGTERM, ssh ends with us, and with it what runs there.
    with (
        ending_on_signals(),
        started(target, command, request, artifacts=artifacts, engine=engine) as running,
    ):
        return running.record()


def _require_same_plan(target: Target, found: CheckPlan, plan: CheckPlan) -> None:
    if found != plan:
        raise MeasurementError(
            f"{target}: the check was made by another plan than the one sent; is that board yours?"
        )
