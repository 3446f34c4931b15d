"""Decides if an artifact may become a model's baseline: by evidence, with a name and a reason."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.baseline.directory import SHORT_DIGITS, BaselineDirectory
from strop.runtime.baseline.index import Promotion
from strop.runtime.baseline.session import BaselineSession
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import failed_gates
from strop.runtime.check.judge.report import Checked, ReportFile
from strop.runtime.errors import BaselineError, GateError
from strop.runtime.machine.environment import apart
from strop.runtime.records.timestamps import timestamp
from strop.runtime.units import PERCENT

MIN_OCCASIONS = 2  # for an improvement: what one alone shows becomes nobody's new floor


def promotion(
    directory: BaselineDirectory,
    model: str,
    sha256: str,
    *,
    reason: str,
    promoted_by: str,
    evidence: Sequence[ReportFile] = (),
) -> Promotion:
    """Make the entry of the index; nothing is written.

    The first baseline of a model needs a session of it; each later one needs reports of
    checks against the one before. A regression may be promoted: the reason is what those
    who review it read, and the evidence says how much slower it is.

    Args:
        directory: Where the artifact and its sessions are.
        model: The model's name.
        sha256: Of the artifact.
        reason: In one line.
        promoted_by: Who.
        evidence: Check reports on it.

    Raises:
        BaselineError: The artifact or its sessions are not there, or a report is missing.
        GateError: A report shows nothing, or is of other files or another machine; or one
            occasion alone shows an improvement.
        PlanError: The name or the reason cannot be used, or a report does not say where it was
            made.
    """
    before = directory.index().of(model)
    made = Promotion(
        model=model,
        sha256=sha256,
        replaces=None if before is None else before.sha256,
        reason=reason,
        promoted_by=promoted_by,
        promoted_at=timestamp(),
        evidence=tuple(_line(each, sha256) for each in evidence),
    )
    sessions = [each for each in directory.sessions(sha256) if each.is_valid]
    if directory.artifact(sha256) is None or not sessions:
        raise BaselineError(
            f"{directory.path}: no file or no valid session of {sha256[:SHORT_DIGITS]}...; run"
            " strop baseline record on the artifact first"
        )
    if before is not None:
        _require_evidence(evidence, old=before.sha256, new=sha256, model=model)
    for each in evidence:
        _require_same_machine(each, sessions)
    _require_repeated(evidence, sha256)
    return made


def _require_evidence(evidence: Sequence[ReportFile], *, old: str, new: str, model: str) -> None:
    if old == new:
        raise GateError(f"{model}: {new[:SHORT_DIGITS]}... is its baseline already")
    if not evidence:
        raise BaselineError(
            f"{model} has a baseline ({old[:SHORT_DIGITS]}...); needed to replace it is --from"
            " REPORT: the --output of strop check NEW --baseline OLD"
        )
    for each in evidence:
        found = each.report.baseline.sha256
        if found != old:
            raise GateError(
                f"{each.where}: compares with {found[:SHORT_DIGITS]}..., needed is the present"
                f" baseline {old[:SHORT_DIGITS]}...; check against that one"
            )


def _checked(each: ReportFile, sha256: str) -> Checked:
    for checked in each.report.artifacts:
        if checked.subject.sha256 == sha256:
            return checked
    raise GateError(
        f"{each.where}: is not about {sha256[:SHORT_DIGITS]}...; check that file and give its"
        " report"
    )


def _line(each: ReportFile, sha256: str) -> str:
    """Word the verdict of a report, if it is one to promote by.

    Raises:
        GateError: It is not.
    """
    checked = _checked(each, sha256)
    decision = checked.decision
    if decision.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID) or decision.ratio is None:
        raise GateError(
            f"{each.where}: is {decision.verdict.value} ({'; '.join(decision.reasons)}); needed is"
            " a report that shows something: check again, with more --budget or on a quieter"
            " machine"
        )
    gates = "".join(f", worse {gate}" for gate in failed_gates(checked.changes))
    change = (decision.ratio - 1) * PERCENT
    return f"{decision.verdict.value} p50 {change:+.1f} %, {decision.pairs} pairs{gates}"


def _require_same_machine(each: ReportFile, sessions: Sequence[BaselineSession]) -> None:
    there = each.occasion().place
    found: tuple[str, ...] = ()
    for session in sessions:
        found = session.place.differences(there)
        if not found:
            return
    raise GateError(
        f"{each.where}: of another machine than the artifact's sessions ({'; '.join(found)}); check"
        " and record on one machine"
    )


def _require_repeated(evidence: Sequence[ReportFile], sha256: str) -> None:
    improved = [
        each for each in evidence if _checked(each, sha256).decision.verdict is Verdict.IMPROVED
    ]
    if improved and len(apart([each.occasion() for each in improved])) < MIN_OCCASIONS:
        raise GateError(
            f"{improved[0].where}: an improvement that one occasion shows; needed are reports of"
            f" {MIN_OCCASIONS}, an hour apart or on two boots: check again and give --from twice"
        )
