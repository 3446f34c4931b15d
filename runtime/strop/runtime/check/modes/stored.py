"""The mode `stored`: the baseline is numbers of earlier occasions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from strop.runtime.baseline.directory import SHORT_DIGITS
from strop.runtime.baseline.resolve import Promoted, promoted_of
from strop.runtime.baseline.session import (
    SESSION_DURATIONS,
    BaselineSession,
    MachineClass,
    measure_session,
)
from strop.runtime.baseline.stored import MIN_SESSIONS, StoredDecision, decide_stored, matching
from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.gates import Change, GateOptions, certificate_for, changes
from strop.runtime.check.measure.plan import BY_THE_WALL, CheckPlan
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.errors import BaselineError, PlanError
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.records.record_format import RecordFormat, adding_in, chained
from strop.runtime.records.timestamps import moment_of, timestamp
from strop.runtime.records.version import installed_version
from strop.runtime.reporting.presentation import Presentation, PresentedArtifact
from strop.runtime.reporting.results import gate_results, latency_result
from strop.runtime.reporting.wording import (
    COLUMNS,
    baseline_figures,
    decision_cells,
    decision_figures,
    decision_record,
    interval,
    milliseconds,
    remedy_remarks,
    run_figures,
)
from strop.runtime.units import PERCENT

COMPARES_FILES = False
KEPT = "report"
REMEDIES = {
    Verdict.INCONCLUSIVE: "compare with the file itself (--mode paired), or record more sessions;"
    " this is no pass",
    Verdict.INVALID: "end what else runs there; nothing was shown",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredChecked:
    """One new artifact, compared with stored numbers.

    Attributes:
        session: What was measured of it.
        decision: The verdict on its latency.
        changes: What else is not as in the baseline.
    """

    session: BaselineSession
    decision: StoredDecision
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReport:
    """One run of `strop check --mode stored`.

    Attributes:
        strop_version: Version that measured and decided.
        created_at: When it began, as `timestamp` writes it.
        mode: "stored".
        plan: Thresholds, durations, seed.
        baseline: The promoted artifact, as its last session has it.
        sessions: Of the baseline, those that do not count too.
        artifacts: In the order in which they were given.
    """

    strop_version: str
    created_at: str
    mode: str
    plan: CheckPlan
    baseline: Subject
    sessions: tuple[BaselineSession, ...]
    artifacts: tuple[StoredChecked, ...]

    def __post_init__(self) -> None:
        moment_of(self.created_at)


# History: 1, the first; 2, the plans' metric.
FORMAT = RecordFormat(
    StoredReport,
    writer="strop check --mode stored --output",
    version=2,
    upgrades={
        1: chained(
            adding_in("plan", **BY_THE_WALL),
            adding_in("sessions", "plan", **BY_THE_WALL),
            adding_in("artifacts", "session", "plan", **BY_THE_WALL),
        )
    },
)


def settings(question: Question) -> dict[str, object]:
    """What the check is about to do, in words.

    Raises:
        BaselineError: The directory has no such baseline.
        PlanError: The baseline is not a directory.
    """
    promotion, plan = _promoted(question).promotion, question.plan
    return {
        "baseline": f"{promotion.model} {promotion.sha256[:SHORT_DIGITS]}",
        "mode": Mode.STORED.value,
        "sessions": f"{MIN_SESSIONS} at least, of this machine",
        "threads": plan.num_threads,
        "tolerance": f"{plan.tolerance:.1%}",
        "limit": f"{plan.limit:.1%}",
        "seed": plan.seed,
    }


def run(
    question: Question, *, cool: Callable[[], CoolDown | None], note: Callable[[str], None]
) -> StoredReport:
    """Measure each artifact alone, and compare it with the baseline's sessions.

    Raises:
        ArtifactError, EngineError: A file cannot be run.
        BaselineError: The baseline has no session.
        ContractError: There is no certificate where one is asked for.
        MeasurementError: It could not be measured.
        PlanError: The baseline is not a directory.
    """
    promoted, plan = _promoted(question), question.plan
    cool()
    created_at = timestamp()
    sessions = promoted.directory.sessions(promoted.promotion.sha256)
    if not sessions:
        raise BaselineError(
            f"{promoted.directory.path}: no session of {promoted.promotion.model}; run strop"
            " baseline record where it is to be checked"
        )
    checked = []
    for number, candidate in enumerate(question.candidates):
        new = measure_session(
            candidate,
            plan=_as_long(replace(plan, seed=plan.seed + number), sessions[-1].plan),
            # Nobody has said it; of the baseline's sessions somebody has.
            machine_class=MachineClass.SHARED,
            processes=len(sessions[-1].processes),
        )
        checked.append(
            StoredChecked(
                session=new,
                decision=decide_stored(new, sessions, plan, artifacts=len(question.artifacts)),
                changes=_changes(sessions, new, candidate.artifact, question.gates),
            )
        )
    return StoredReport(
        strop_version=installed_version(),
        created_at=created_at,
        mode=Mode.STORED.value,
        plan=plan,
        baseline=sessions[-1].subject,
        sessions=sessions,
        artifacts=tuple(checked),
    )


def _as_long(plan: CheckPlan, other: CheckPlan) -> CheckPlan:
    """The plan, with the durations of the sessions that its numbers are to meet."""
    return replace(plan, **{name: getattr(other, name) for name in SESSION_DURATIONS})


def _promoted(question: Question) -> Promoted:
    found = None if question.baseline is None else promoted_of(question.baseline)
    if found is None:
        raise PlanError(
            f"--mode stored: --baseline is {question.baseline}; needed is a baseline directory, as"
            " baselines#MODEL"
        )
    return found


def _changes(
    olds: Sequence[BaselineSession],
    new: BaselineSession,
    artifact: Path,
    gates: GateOptions,
) -> tuple[Change, ...]:
    """List differences from the last session that counts; none if there is no such session."""
    kept, _ = matching(new, olds)
    old = kept[-1] if kept else new
    return changes(
        old.subject.anatomy,
        new.subject.anatomy,
        (_peak_bytes(old), _peak_bytes(new)),
        gates=gates,
        certificate=certificate_for(artifact, new.subject.sha256, gates),
    )


def _peak_bytes(session: BaselineSession) -> float:
    return median(process.peak_rss_bytes for process in session.processes)


def present(report: StoredReport, *, is_strict: bool, has_accuracy: bool) -> Presentation:
    """Say in common terms what was found."""
    return Presentation(
        artifacts=tuple(
            _artifact(each, report, is_strict=is_strict, has_accuracy=has_accuracy)
            for each in report.artifacts
        ),
        heading={
            "strop_version": report.strop_version,
            "created_at": report.created_at,
            "exit_code": None,
            "mode": report.mode,
            "plan": asdict(report.plan),
            "baseline": asdict(report.baseline),
        },
        columns=(*COLUMNS, "sessions", "detectable"),
        against="Against stored sessions of",
        baseline=report.baseline,
        plan=report.plan,
        runner=report.baseline,
        strop_version=report.strop_version,
    )


def summary(checked: StoredChecked) -> str:
    """The verdict and what it rests on, in one line."""
    decision, p50_ns = checked.decision, checked.session.p50_ns
    verdict, name = decision.verdict.value.upper(), checked.session.subject.name
    parts = [f"{verdict} {name} {interval(decision) or 'p50 not compared'}"]
    parts.append(f"{decision.sessions} sessions")
    if decision.detectable_increase is not None:
        parts.append(f"detectable {decision.detectable_increase * PERCENT:.1f} %")
    if decision.ratio is not None and p50_ns is not None:
        parts.append(f"{milliseconds(p50_ns / decision.ratio)} -> {milliseconds(p50_ns)} ms")
    return ", ".join(parts)


def _artifact(
    checked: StoredChecked, report: StoredReport, *, is_strict: bool, has_accuracy: bool
) -> PresentedArtifact:
    decision, session, subject = checked.decision, checked.session, checked.session.subject
    p50_ns, ratio = session.p50_ns, decision.ratio
    old_ns = None if p50_ns is None or ratio is None else p50_ns / ratio
    text = summary(checked)
    remarks = remedy_remarks(decision.verdict, decision.reasons, REMEDIES)
    return PresentedArtifact(
        name=subject.name,
        verdict=decision.verdict.value,
        ratio=ratio,
        created_at=session.created_at,
        duration_s=0.0,  # a session does not keep it
        figures={
            **decision_figures(decision, report.plan),
            "sessions": decision.sessions,
            "new_p50_ns": p50_ns,
            **baseline_figures(report.baseline),
            **run_figures(subject, None, report.strop_version),
        },
        record=decision_record(
            subject, decision, checked.changes, figures={"p50_ns": p50_ns}, summary=text
        ),
        latency=(latency_result(decision.verdict, text=text, is_strict=is_strict),),
        gates=gate_results(
            checked.changes, report.baseline.anatomy, subject.anatomy, has_accuracy=has_accuracy
        ),
        changes=checked.changes,
        rows=(decision_cells(subject.name, decision, (old_ns, p50_ns), decision.sessions),),
        remarks=remarks,
        notes=tuple(f"warning: {subject.name}{words} {text}" for words, text in remarks),
    )
