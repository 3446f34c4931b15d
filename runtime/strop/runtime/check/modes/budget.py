"""The mode `budget`: no baseline; an artifact's own latency against absolute limits."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from itertools import chain

from strop.runtime.bench.block_state import BlockState
from strop.runtime.check.judge.anatomy import subject
from strop.runtime.check.judge.mode import Mode
from strop.runtime.check.judge.report import Subject
from strop.runtime.check.judge.slo import (
    ALPHA,
    Slo,
    inferences_needed,
    lower_bound_ns,
    processes_needed,
    upper_bound_ns,
)
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.solo import Solo, SoloRunner
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.board import BoardState, board_state
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.environment import Environment, environment_here
from strop.runtime.machine.machine import Machine, machine
from strop.runtime.records.json_records import versioned
from strop.runtime.records.timestamps import moment_of, timestamp
from strop.runtime.records.typed_json import read_typed
from strop.runtime.records.version import installed_version
from strop.runtime.statistics.intervals import quantile

# History: 1, the first.
FORMAT_VERSION = 1
WRITER = "strop check --slo --output"
MAX_PROCESSES = 8  # or as many as are needed
BLOCKS = 8  # of each process
SPARE = 1.1  # of the time that the first process took; processes differ


class SloVerdict(str, Enum):
    """What is said of one limit."""

    HELD = "held"
    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class SloFinding:
    """One limit, judged; numbers are None where the inferences are too few.

    Attributes:
        slo: The limit.
        verdict: In one word.
        inferences: How many there are.
        p_ns: The percentile as observed.
        high_ns: It is this at most, by MLPerf's early stopping.
        low_ns: It is this at least, in the blocks that count.
        worst_process_ns: The largest of the processes' own percentiles.
    """

    slo: Slo
    verdict: SloVerdict
    inferences: int
    p_ns: int
    high_ns: int | None
    low_ns: int | None
    worst_process_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetChecked:
    """One artifact.

    Attributes:
        subject: It.
        findings: One a limit.
        block_states: The board between its blocks; a block of any process is one round.
        processes: Raw samples.
    """

    subject: Subject
    findings: tuple[SloFinding, ...]
    block_states: tuple[BlockState, ...]
    processes: tuple[Solo, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetReport:
    """One run of `strop check --slo`.

    Attributes:
        strop_version: Version that measured and decided.
        created_at: When it began, as `timestamp` writes it.
        mode: "budget".
        plan: Durations, seed; its thresholds have no part in it.
        machine: On what, and in what state it was before.
        place: What of the machine and its software does not change by itself.
        cool_down: The wait before; None where the board tells no temperature.
        board_before: State of the board before the first process.
        board_after: State after the last one.
        artifacts: In the order in which they were given.
    """

    strop_version: str
    created_at: str
    mode: str
    plan: CheckPlan
    machine: Machine
    place: Environment
    cool_down: CoolDown | None
    board_before: BoardState
    board_after: BoardState
    artifacts: tuple[BudgetChecked, ...]

    def __post_init__(self) -> None:
        moment_of(self.created_at)

    def to_json(self) -> str:
        """The report as JSON text that `budget_report_from_json` reads back unchanged."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}) + "\n"


def budget_report_from_json(text: str, *, where: str) -> BudgetReport:
    """Parse what `BudgetReport.to_json` wrote; refuse anything else by name.

    Args:
        text: JSON.
        where: Named in the error, usually the file's path.

    Raises:
        MeasurementError: Not JSON, another format version, or a field missing, unknown
            or of the wrong type.
    """
    _, record = versioned(text, where=where, known=(FORMAT_VERSION,), writer=WRITER)
    return read_typed(record, BudgetReport, at=where)


def check_budget(
    candidates: Sequence[Candidate],
    slos: Sequence[Slo],
    *,
    plan: CheckPlan,
    cooled: CoolDown | None = None,
) -> BudgetReport:
    """Hold each artifact against the limits, on this machine.

    Args:
        candidates: At least one.
        slos: At least one.
        plan: Durations; blocks get as many inferences more as the percentiles need.
        cooled: The wait before, for the report.

    Raises:
        ArtifactError, EngineError: A file cannot be run.
        MeasurementError: It could not be measured, or the budget is too small.
    """
    needed = max(inferences_needed(slo.q) for slo in slos)
    processes = processes_needed(len(slos))
    least_runs = math.ceil(needed / (processes * BLOCKS))
    plan = replace(plan, block_runs=max(plan.block_runs, least_runs))
    subjects = [subject(each, plan) for each in candidates]
    created_at = timestamp()
    before, here, board_before = machine(), environment_here(), board_state()
    rng = random.Random(plan.seed)
    checked = []
    for candidate, about in zip(candidates, subjects, strict=True):
        runner = SoloRunner(plan, rng=rng, temperature_limit_c=board_before.temperature_limit_c)
        solos = _measure(runner, candidate, plan, least=processes)
        checked.append(
            BudgetChecked(
                subject=about,
                findings=tuple(judge(solos, slo, plan, slos=len(slos)) for slo in slos),
                block_states=runner.states,
                processes=solos,
            )
        )
    return BudgetReport(
        strop_version=installed_version(),
        created_at=created_at,
        mode=Mode.BUDGET.value,
        plan=plan,
        machine=before,
        place=here,
        cool_down=cooled,
        board_before=board_before,
        board_after=board_state(),
        artifacts=tuple(checked),
    )


def _measure(
    runner: SoloRunner, candidate: Candidate, plan: CheckPlan, *, least: int
) -> tuple[Solo, ...]:
    solos = [runner.run(candidate, blocks=BLOCKS)]
    duration_s = solos[0].duration_s
    planned = min(max(MAX_PROCESSES, least), int(plan.budget_s / duration_s))
    if planned < least:
        raise MeasurementError(
            f"a process takes {duration_s:.1f} s, so --budget {plan.budget_s:g} is enough for"
            f" {planned}, needed are {least}: fewer may be lucky; give --budget"
            f" {least * duration_s * SPARE:.0f}"
        )
    solos += [runner.run(candidate, blocks=BLOCKS) for _ in range(planned - 1)]
    return tuple(solos)


def judge(solos: Sequence[Solo], slo: Slo, plan: CheckPlan, *, slos: int = 1) -> SloFinding:
    """What the inferences show of one limit.

    It is held by all of them together and by each process, also those of blocks that do not
    count: what disturbs the machine makes nothing faster. It is missed only by those that
    count, together and in every process, `processes_needed` at least.

    Args:
        solos: At least one process.
        slo: The limit.
        plan: How many blocks may be invalid.
        slos: How many limits are judged together.
    """
    of_process = [
        list(chain.from_iterable(block.samples.invoke_ns for block in solo.blocks))
        for solo in solos
    ]
    counted_of_process = [
        list(chain.from_iterable(block.invoke_ns for block in solo.valid_blocks))
        for solo in solos
        if solo.valid_blocks
    ]
    every = list(chain.from_iterable(of_process))
    counted = list(chain.from_iterable(counted_of_process))
    high = upper_bound_ns(every, slo.q)
    low = lower_bound_ns(counted, slo.q, alpha=ALPHA / slos)
    blocks = sum(len(solo.blocks) for solo in solos)
    invalid = blocks - sum(len(solo.valid_blocks) for solo in solos)
    worst_ns = max(quantile(samples, slo.q) for samples in of_process)
    miss_all = all(quantile(samples, slo.q) > slo.limit_ns for samples in counted_of_process)
    if high is not None and max(high, worst_ns) <= slo.limit_ns:
        verdict = SloVerdict.HELD
    elif invalid > plan.max_invalid_share * blocks:
        verdict = SloVerdict.INVALID
    elif (
        low is not None
        and low > slo.limit_ns
        and miss_all
        and len(counted_of_process) >= processes_needed(slos)
    ):
        verdict = SloVerdict.MISSED
    else:
        verdict = SloVerdict.INCONCLUSIVE
    return SloFinding(
        slo=slo,
        verdict=verdict,
        inferences=len(every),
        p_ns=quantile(every, slo.q),
        high_ns=high,
        low_ns=low,
        worst_process_ns=worst_ns,
    )
