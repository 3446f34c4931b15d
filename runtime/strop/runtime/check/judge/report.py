"""The check report: what was measured and decided, as a record in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strop.runtime.bench.block_state import BlockState
from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import BY_WALL_TIME, Decision
from strop.runtime.check.judge.gates import Change
from strop.runtime.check.measure.plan import BY_THE_WALL, CheckPlan
from strop.runtime.check.measure.samples import NOT_KNOWN, Pair
from strop.runtime.errors import PlanError
from strop.runtime.machine.board import BoardState
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.environment import Environment, Occasion
from strop.runtime.machine.machine import Machine
from strop.runtime.records.record_format import RecordFormat, adding, adding_in, chained
from strop.runtime.records.timestamps import moment_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One new artifact, compared with the baseline.

    Attributes:
        subject: The new artifact.
        decision: The verdict on its latency.
        changes: What else is not as in the baseline.
        block_states: The board between its quads, each one round; between its blocks in
            paired-serial.
        pairs: Raw samples.
    """

    subject: Subject
    decision: Decision
    changes: tuple[Change, ...]
    block_states: tuple[BlockState, ...]
    pairs: tuple[Pair, ...]

    def __repr__(self) -> str:
        decision = self.decision
        ratio = "" if decision.ratio is None else f", {decision.ratio - 1:+.1%}"
        return f"<Checked {self.subject.name}: {decision.verdict.value}{ratio}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """One run of `strop check`.

    Attributes:
        strop_version: Version that measured and decided.
        created_at: When the measurement began, by the clock of the machine that measured,
            as `timestamp` writes it; None in reports of version 1.
        mode: "paired": both artifacts in turn, block by block; "paired-serial": process by
            process. On this machine.
        plan: Thresholds, durations, seed.
        machine: On what, and in what state it was before.
        place: What of the machine and its software does not change by itself, and in which
            boot; None in reports of versions 1 and 2.
        cool_down: The wait before; None if the board reports no temperature.
        board_before: State of the board before the first pair.
        board_after: State after the last one.
        baseline: The old artifact.
        artifacts: In the order in which they were given.
        qualification: What trials of such checks on this machine had shown before, in
            words; empty where there were none.
    """

    strop_version: str
    created_at: str | None
    mode: str
    plan: CheckPlan
    machine: Machine
    place: Environment | None
    cool_down: CoolDown | None
    board_before: BoardState
    board_after: BoardState
    baseline: Subject
    artifacts: tuple[Checked, ...]
    qualification: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.created_at is not None:
            moment_of(self.created_at)

    def __repr__(self) -> str:
        verdicts = (f"{each.subject.name} {each.decision.verdict.value}" for each in self.artifacts)
        return f"<CheckReport against {self.baseline.name}: {'; '.join(verdicts)}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFile:
    """One check report in a file.

    Attributes:
        where: Its path, for errors and tables.
        report: As read.
    """

    where: str
    report: CheckReport

    def occasion(self) -> Occasion:
        """When and on what it was measured.

        Raises:
            PlanError: It is of version 1 or 2, and does not say.
        """
        created_at, place = self.report.created_at, self.report.place
        if created_at is None or place is None:
            raise PlanError(
                f"{self.where}: by an earlier strop, does not say when and on what; check again"
            )
        return Occasion(created_at=created_at, place=place)


_BLOCKS = ("artifacts", "pairs", "quads", "blocks")

# History: 1, the first; 2, when it was measured; 3, what of the machine does not change; 4, the
# processor time and the instructions of each inference, and which of them was compared.
CHECK_REPORT = RecordFormat(
    CheckReport,
    writer="strop check --output",
    version=4,
    upgrades={
        1: adding(created_at=None),
        2: adding(place=None),
        3: chained(
            adding_in("plan", **BY_THE_WALL),
            adding_in("artifacts", "decision", **BY_WALL_TIME),
            adding_in(*_BLOCKS, **NOT_KNOWN),
        ),
    },
)


def read_check_report(path: Path) -> ReportFile:
    """The report in a file.

    Raises:
        MeasurementError: There is no file, or it is no report.
    """
    return ReportFile(where=str(path), report=CHECK_REPORT.read(path))
