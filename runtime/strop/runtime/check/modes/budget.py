"""The mode `budget`: an artifact's own latency against absolute limits, without a baseline."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from strop.runtime.bench.block_state import BlockState
from strop.runtime.check.judge.anatomy import Subject, subject
from strop.runtime.check.judge.decide import Verdict
from strop.runtime.check.judge.slo import (
    SloFinding,
    SloVerdict,
    inferences_needed,
    judge_slo,
    processes_needed,
)
from strop.runtime.check.measure.pair import Candidate, Runner
from strop.runtime.check.measure.plan import BY_THE_WALL, CheckPlan
from strop.runtime.check.measure.samples import NOT_KNOWN
from strop.runtime.check.measure.solo import Solo, measure_solo
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.board import BoardState, board_state
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.environment import Environment, environment_here
from strop.runtime.machine.machine import Machine, machine
from strop.runtime.records.record_format import RecordFormat, adding_in, chained
from strop.runtime.records.timestamps import moment_of, timestamp
from strop.runtime.records.version import installed_version
from strop.runtime.reporting.presentation import ORDER, Presentation, PresentedArtifact
from strop.runtime.reporting.results import latency_result
from strop.runtime.reporting.wording import milliseconds, run_figures

MAX_PROCESSES = 8  # or as many as are needed
BLOCKS = 8  # of each process
SPARE = 1.1  # of the time that the first process took; processes differ
COMPARES_FILES = False
KEPT = "raw samples"
COLUMNS = ("artifact", "limit", "verdict", "found, ms", "bounds, ms", "inferences", "processes")
OF_SLO = {
    SloVerdict.HELD: Verdict.PASS,
    SloVerdict.MISSED: Verdict.REGRESSION,
    SloVerdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    SloVerdict.INVALID: Verdict.INVALID,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetChecked:
    """One artifact.

    Attributes:
        subject: What was run.
        findings: One per limit.
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
        cool_down: The wait before; None if the board reports no temperature.
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


# History: 1, the first; 2, the plan's metric, and the processor time of each inference.
FORMAT = RecordFormat(
    BudgetReport,
    writer="strop check --slo --output",
    version=2,
    upgrades={
        1: chained(
            adding_in("plan", **BY_THE_WALL),
            adding_in("artifacts", "processes", "blocks", "samples", **NOT_KNOWN),
        )
    },
)


def settings(question: Question) -> dict[str, object]:
    """What the check is about to do, in words."""
    plan, slos = question.plan, question.slos
    return {
        "mode": Mode.BUDGET.value,
        "limits": [slo.text for slo in slos],
        "inferences": f"{max(inferences_needed(slo.q) for slo in slos)} at least",
        "threads": plan.num_threads,
        "budget": f"{plan.budget_s:g} s for each artifact",
        "seed": plan.seed,
    }


def run(
    question: Question, *, cool: Callable[[], CoolDown | None], note: Callable[[str], None]
) -> BudgetReport:
    """Compare each artifact with the limits; blocks have as many inferences as these need.

    Raises:
        ArtifactError, EngineError: A file cannot be run.
        MeasurementError: It could not be measured, or the budget is too small.
    """
    slos, cooled = question.slos, cool()
    needed = max(inferences_needed(slo.q) for slo in slos)
    processes = processes_needed(len(slos))
    least_runs = math.ceil(needed / (processes * BLOCKS))
    plan = replace(question.plan, block_runs=max(question.plan.block_runs, least_runs))
    subjects = [subject(each, plan) for each in question.candidates]
    created_at = timestamp()
    before, here, board_before = machine(), environment_here(), board_state()
    rng = random.Random(plan.seed)
    checked = []
    for candidate, about in zip(question.candidates, subjects, strict=True):
        runner = Runner(plan, rng=rng, temperature_limit_c=board_before.temperature_limit_c)
        solos = _measure(runner, candidate, plan, least=processes)
        checked.append(
            BudgetChecked(
                subject=about,
                findings=tuple(judge_slo(solos, slo, plan, slos=len(slos)) for slo in slos),
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
    runner: Runner, candidate: Candidate, plan: CheckPlan, *, least: int
) -> tuple[Solo, ...]:
    solos = [measure_solo(runner, candidate, blocks=BLOCKS)]
    duration_s = solos[0].duration_s
    planned = min(max(MAX_PROCESSES, least), int(plan.budget_s / duration_s))
    if planned < least:
        raise MeasurementError(
            f"a process takes {duration_s:.1f} s, so --budget {plan.budget_s:g} is enough for"
            f" {planned}, needed are {least}: fewer may be lucky; give --budget"
            f" {least * duration_s * SPARE:.0f}"
        )
    solos += [measure_solo(runner, candidate, blocks=BLOCKS) for _ in range(planned - 1)]
    return tuple(solos)


def present(report: BudgetReport, *, is_strict: bool, has_accuracy: bool) -> Presentation:
    """Say in common terms what was found; there is no baseline to lose accuracy against."""
    return Presentation(
        artifacts=tuple(_artifact(each, report, is_strict=is_strict) for each in report.artifacts),
        heading={
            "strop_version": report.strop_version,
            "created_at": report.created_at,
            "exit_code": None,
            "mode": report.mode,
            "plan": asdict(report.plan),
            "machine": asdict(report.machine),
            "place": asdict(report.place),
        },
        columns=COLUMNS,
        plan=report.plan,
        remark="Bounds are of 99 %.",
        runner=report.artifacts[0].subject,
        machine=report.machine,
        strop_version=report.strop_version,
    )


def summary(checked: BudgetChecked, finding: SloFinding) -> str:
    """The verdict on one limit, and what it rests on, in one line."""
    bounds = [
        f"{milliseconds(value)} {side}"
        for value, side in ((finding.low_ns, "at least"), (finding.high_ns, "at most"))
        if value is not None
    ]
    return (
        f"{finding.verdict.value.upper()} {checked.subject.name} {finding.slo.text}:"
        f" {milliseconds(finding.p_ns)} ms [99 %: {', '.join(bounds) or 'too few'}],"
        f" {finding.inferences} inferences of {len(checked.processes)} processes, the worst"
        f" {milliseconds(finding.worst_process_ns)}"
    )


def _artifact(
    checked: BudgetChecked, report: BudgetReport, *, is_strict: bool
) -> PresentedArtifact:
    findings, name = checked.findings, checked.subject.name
    verdict = min((each.verdict.value for each in findings), key=ORDER.index)
    texts = [summary(checked, each) for each in findings]
    doubts = [f"{each.slo.text} {text}" for each in findings if (text := _doubt(checked, each))]
    return PresentedArtifact(
        name=name,
        verdict=verdict,
        ratio=None,
        created_at=report.created_at,
        duration_s=sum(solo.duration_s for solo in checked.processes),
        figures={
            "verdict": verdict,
            "processes": len(checked.processes),
            **run_figures(checked.subject, report.machine, report.strop_version),
        },
        record={
            "subject": asdict(checked.subject),
            "findings": [
                {**asdict(each), "summary": text}
                for each, text in zip(findings, texts, strict=True)
            ],
        },
        latency=tuple(
            latency_result(
                OF_SLO[each.verdict], text=text, is_strict=is_strict, metric=each.slo.text
            )
            for each, text in zip(findings, texts, strict=True)
        ),
        rows=tuple(_cells(checked, each) for each in findings),
        remarks=tuple(("", doubt) for doubt in doubts),
        notes=tuple(f"warning: {name}: {doubt}" for doubt in doubts),
    )


def _cells(checked: BudgetChecked, finding: SloFinding) -> tuple[str, ...]:
    low, high = (
        "-" if bound is None else milliseconds(bound) for bound in (finding.low_ns, finding.high_ns)
    )
    return (
        checked.subject.name,
        finding.slo.text,
        finding.verdict.value,
        milliseconds(finding.p_ns),
        f"{low} to {high}",
        str(finding.inferences),
        str(len(checked.processes)),
    )


def _doubt(checked: BudgetChecked, finding: SloFinding) -> str:
    """What to do about a limit of which nothing was shown; empty for others."""
    if finding.verdict is SloVerdict.INCONCLUSIVE:
        return (
            "is neither shown to be held nor to be missed; give it more --budget, or a quieter"
            " machine; this is no pass"
        )
    if finding.verdict is SloVerdict.INVALID:
        return (
            f"is invalid: {_causes(checked)}; end what else runs there, or measure on another"
            " machine; nothing was shown"
        )
    return ""


def _causes(checked: BudgetChecked) -> str:
    blocks = [block for solo in checked.processes for block in solo.blocks]
    counts = Counter(reason for block in blocks for reason in block.reasons)
    dropped = sum(bool(block.reasons) for block in blocks)
    causes = ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())
    return f"{dropped} of {len(blocks)} blocks do not count ({causes})"
