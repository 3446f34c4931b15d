"""A baseline session: one artifact's numbers, of fresh processes, on one occasion."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from statistics import median
from types import MappingProxyType
from typing import Any

from strop.runtime.check.judge.anatomy import Subject, subject
from strop.runtime.check.measure.pair import Candidate, Runner
from strop.runtime.check.measure.plan import BY_THE_WALL, CheckPlan
from strop.runtime.check.measure.solo import Solo, measure_solo
from strop.runtime.errors import PlanError
from strop.runtime.machine.board import board_state
from strop.runtime.machine.environment import Environment, Occasion, environment_here
from strop.runtime.machine.reference_load import ReferenceLoad, run_reference_load
from strop.runtime.records.record_format import INDENTED, RecordFormat, adding_in
from strop.runtime.records.timestamps import moment_of, timestamp
from strop.runtime.records.version import installed_version

DEFAULT_PROCESSES = 8
BLOCKS_OF_PROCESS = 8  # as many as an artifact has in a pair
# Of a plan for sessions. They never change: numbers of other durations do not meet.
SESSION_DURATIONS: Mapping[str, Any] = MappingProxyType(
    {
        "block_duration_s": 0.1,
        "lead_in_duration_s": 0.05,
        "warmup_duration_s": 0.5,  # TensorFlow Lite's benchmark_model, --warmup_min_secs
        "max_warmup_duration_s": 2.0,
    }
)


class MachineClass(str, Enum):
    """Whether others use the machine, as the user says; nothing on it can show that."""

    DEDICATED = "dedicated"
    SHARED = "shared"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessFigures:
    """One fresh process; of its samples only the medians are kept: repositories stay small.

    Attributes:
        p50_ns: Median of the medians of the blocks that count; None where none does.
        block_p50_ns: Medians of all blocks.
        block_runs: Timed inferences of each.
        invalid_blocks: How many do not count.
        load_ns: Opening the artifact.
        first_invoke_ns: The first inference.
        peak_rss_bytes: Most physical memory held at once.
        yardstick: Run before it, by another process.
    """

    p50_ns: float | None
    block_p50_ns: tuple[int, ...]
    block_runs: tuple[int, ...]
    invalid_blocks: int
    load_ns: int
    first_invoke_ns: int
    peak_rss_bytes: int
    yardstick: ReferenceLoad


@dataclass(frozen=True, kw_only=True, slots=True)
class BaselineSession:
    """One measurement of one artifact.

    Attributes:
        strop_version: Version that measured.
        subject: The artifact.
        machine_class: As the user says.
        created_at: When it began, as `timestamp` writes it.
        place: On what.
        plan: Threads, durations, seed; thresholds have no part in it.
        processes: In order.
    """

    strop_version: str
    subject: Subject
    machine_class: MachineClass
    created_at: str
    place: Environment
    plan: CheckPlan
    processes: tuple[ProcessFigures, ...]

    def __post_init__(self) -> None:
        moment_of(self.created_at)

    @property
    def occasion(self) -> Occasion:
        """When and where."""
        return Occasion(created_at=self.created_at, place=self.place)

    @property
    def stack_id(self) -> str:
        """Of the software that ran it."""
        return self.place.stack.id(self.subject.anatomy.facts)

    @property
    def invalid_share(self) -> float:
        """Of all blocks, 0..1."""
        blocks = sum(len(process.block_p50_ns) for process in self.processes)
        invalid = sum(process.invalid_blocks for process in self.processes)
        return invalid / blocks if blocks else 1.0

    @property
    def is_valid(self) -> bool:
        """Whether its numbers are the machine's own."""
        return self.p50_ns is not None and self.invalid_share <= self.plan.max_invalid_share

    @property
    def p50_ns(self) -> float | None:
        """Median of the processes' medians; None where no block counts."""
        found = [process.p50_ns for process in self.processes if process.p50_ns is not None]
        return median(found) if found else None


# History: 1, the first; 2, the plan's metric.
BASELINE_SESSION = RecordFormat(
    BaselineSession,
    writer="strop baseline record",
    version=2,
    upgrades={1: adding_in("plan", **BY_THE_WALL)},
    encoder=INDENTED,
)


def measure_session(
    candidate: Candidate,
    *,
    plan: CheckPlan,
    machine_class: MachineClass,
    processes: int = DEFAULT_PROCESSES,
    on_process: Callable[[int, int], None] = lambda done, planned: None,
) -> BaselineSession:
    """Measure one artifact alone.

    Args:
        candidate: The artifact, and what runs it.
        plan: How long.
        machine_class: As the user says.
        processes: How many fresh processes.
        on_process: Gets how many are done, and of how many.

    Raises:
        ArtifactError, EngineError: It cannot be run.
        PlanError: No processes.
        MeasurementError: It could not be measured.
    """
    if processes < 1:
        raise PlanError(f"--processes {processes}; needed is 1 or more")
    about = subject(candidate, plan)
    created_at, here = timestamp(), environment_here()
    runner = Runner(
        plan,
        rng=random.Random(plan.seed),
        temperature_limit_c=board_state().temperature_limit_c,
    )
    found = []
    for number in range(processes):
        before = run_reference_load()
        found.append(_figures(measure_solo(runner, candidate, blocks=BLOCKS_OF_PROCESS), before))
        on_process(number + 1, processes)
    return BaselineSession(
        strop_version=installed_version(),
        subject=about,
        machine_class=machine_class,
        created_at=created_at,
        place=here,
        plan=plan,
        processes=tuple(found),
    )


def _figures(solo: Solo, before: ReferenceLoad) -> ProcessFigures:
    return ProcessFigures(
        p50_ns=solo.p50_ns,
        block_p50_ns=tuple(block.samples.p50_ns for block in solo.blocks),
        block_runs=tuple(len(block.samples.invoke_ns) for block in solo.blocks),
        invalid_blocks=len(solo.blocks) - len(solo.valid_blocks),
        load_ns=solo.start.load_ns,
        first_invoke_ns=solo.start.first_invoke_ns,
        peak_rss_bytes=solo.start.peak_rss_bytes,
        yardstick=before,
    )
