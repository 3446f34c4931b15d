"""Runs a check against stored sessions, and the report of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

from strop.runtime.baseline.resolve import Promoted
from strop.runtime.baseline.session import BaselineSession, MachineClass, measure_session
from strop.runtime.baseline.stored import StoredDecision, decide_stored, matching
from strop.runtime.check.judge.certified import certified
from strop.runtime.check.judge.gates import Change, changes_between
from strop.runtime.check.judge.mode import Mode
from strop.runtime.check.judge.report import Subject
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.modes.paired import GateOptions
from strop.runtime.errors import BaselineError
from strop.runtime.records.json_records import versioned
from strop.runtime.records.timestamps import moment_of, timestamp
from strop.runtime.records.typed_json import read_typed
from strop.runtime.records.version import installed_version

# History: 1, the first.
FORMAT_VERSION = 1
WRITER = "strop check --mode stored --output"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredChecked:
    """One new artifact held against stored numbers.

    Attributes:
        session: What was measured of it.
        decision: The verdict on its latency.
        changes: What else is not as in the baseline.
    """

    session: BaselineSession
    decision: StoredDecision
    changes: tuple[Change, ...]

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Names of the gates without statistics by which it fails."""
        return tuple(change.gate for change in self.changes if change.fails)


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

    def to_json(self) -> str:
        """The report as JSON text that `stored_report_from_json` reads back unchanged."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}) + "\n"


def stored_report_from_json(text: str, *, where: str) -> StoredReport:
    """Parse what `StoredReport.to_json` wrote; refuse anything else by name.

    Args:
        text: JSON.
        where: Named in the error, usually the file's path.

    Raises:
        MeasurementError: Not JSON, another format version, or a field missing, unknown
            or of the wrong type.
    """
    _, record = versioned(text, where=where, known=(FORMAT_VERSION,), writer=WRITER)
    return read_typed(record, StoredReport, at=where)


def check_stored(
    promoted: Promoted,
    candidates: Sequence[Candidate],
    *,
    plan: CheckPlan,
    gates: GateOptions,
) -> StoredReport:
    """Measure each artifact alone, and hold it against the baseline's sessions.

    Args:
        promoted: The baseline.
        candidates: At least one.
        plan: Thresholds and durations.
        gates: What may change beside the latency.

    Raises:
        ArtifactError, EngineError: A file cannot be run.
        BaselineError: The baseline has no session.
        ContractError: There is no certificate where one is asked for.
        MeasurementError: It could not be measured.
    """
    created_at = timestamp()
    sessions = promoted.directory.sessions(promoted.promotion.sha256)
    if not sessions:
        raise BaselineError(
            f"{promoted.directory.path}: no session of {promoted.promotion.model}; run strop"
            " baseline record where it is to be checked"
        )
    checked = []
    for number, candidate in enumerate(candidates):
        new = measure_session(
            candidate,
            plan=replace(plan, seed=plan.seed + number),
            # Nobody has said it; of the baseline's sessions somebody has.
            machine_class=MachineClass.SHARED,
            processes=len(sessions[-1].processes),
        )
        checked.append(
            StoredChecked(
                session=new,
                decision=decide_stored(new, sessions, plan, artifacts=len(candidates)),
                changes=_changes(sessions, new, candidate, gates),
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


def _changes(
    olds: Sequence[BaselineSession],
    new: BaselineSession,
    candidate: Candidate,
    gates: GateOptions,
) -> tuple[Change, ...]:
    """Against the last session that counts: another engine's memory or delegation is no change."""
    kept, _ = matching(new, olds)
    old = kept[-1] if kept else new
    accuracy = None
    if gates.max_drop is not None:
        accuracy = (certified(candidate.artifact, new.subject.sha256), gates.max_drop)
    return changes_between(
        old.subject.anatomy,
        new.subject.anatomy,
        (_peak_bytes(old), _peak_bytes(new)),
        allowed=gates.allowed,
        accuracy=accuracy,
    )


def _peak_bytes(session: BaselineSession) -> float:
    return median(process.peak_rss_bytes for process in session.processes)
