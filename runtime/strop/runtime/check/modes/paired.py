"""The modes `paired` and `paired-serial`: the baseline's file is measured beside the new ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from strop.runtime.check.judge.anatomy import subject
from strop.runtime.check.judge.decide import decide
from strop.runtime.check.judge.figures import pair_figures
from strop.runtime.check.judge.gates import NOTHING_ALLOWED, GateOptions, certificate_for, changes
from strop.runtime.check.judge.report import CHECK_REPORT, Checked, CheckReport
from strop.runtime.check.measure.interpreter import two_interpreters
from strop.runtime.check.measure.pair import Candidate, Runner, measure_pair
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.measure.solo import has_room_for_two, measure_pair_serially
from strop.runtime.check.modes.qualification import findings_for, qualification_beside
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.check.modes.sequential import measure_pairs, require_pairs
from strop.runtime.errors import BaselineError, MeasurementError
from strop.runtime.machine.board import board_state
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.environment import environment_here
from strop.runtime.machine.event_counter import Event, why_not
from strop.runtime.machine.machine import machine
from strop.runtime.records.timestamps import timestamp
from strop.runtime.records.version import installed_version
from strop.runtime.reporting.paired import present_pairs as present

__all__ = [
    "COMPARES_FILES",
    "FORMAT",
    "KEPT",
    "GateOptions",
    "check_paired",
    "present",
    "run",
    "settings",
]

FORMAT = CHECK_REPORT
COMPARES_FILES = True
KEPT = "raw samples"


def settings(question: Question) -> dict[str, object]:
    """What the check is about to do, in words.

    Raises:
        PlanError: `--pairs` are too few to show anything.
    """
    plan = question.plan
    require_pairs(plan, len(question.artifacts))
    length = (
        f"{plan.stage1_pairs} to {plan.max_pairs} within {plan.budget_s:g} s for each artifact"
        if plan.pairs is None
        else f"{plan.stage1_pairs} to {plan.pairs}"
    )
    return {
        "baseline": question.baseline,
        "mode": question.mode.value
        if question.mode
        else "paired, as far as the board's memory goes",
        "threads": plan.num_threads,
        "metric": plan.metric.value,
        "tolerance": f"{plan.tolerance:.1%}",
        "limit": f"{plan.limit:.1%}",
        "pairs": length,
        "inputs": f"{plan.inputs} of random pixels",
        "seed": plan.seed,
    }


def run(
    question: Question, *, cool: Callable[[], CoolDown | None], note: Callable[[str], None]
) -> CheckReport:
    """Measure and decide.

    Args:
        question: Its baseline is a file.
        cool: Waits until the board is cool.
        note: Gets a line if the first stage of an artifact was no clear pass.

    Raises:
        PlanError: `baseline_python` is not a Python that can be used.
        OutputError: There is no room for what it needs.
        StropError: As `check_paired`.
    """
    plan = question.plan

    def say(path: Path, done: int, planned: int) -> None:
        if done == plan.stage1_pairs + 1:
            pairs = f"{plan.stage1_pairs} pairs are no clear pass"
            note(f"{path.name}: {pairs}; measuring {planned} at most")

    with _candidates(question) as (old, news):
        return check_paired(
            old,
            news,
            plan=plan,
            gates=question.gates,
            cooled=cool(),
            on_pair=say,
            mode=question.mode or mode_by_memory(question),
        )


def mode_by_memory(question: Question) -> Mode:
    """PAIRED if this machine's memory holds two of the processes."""
    paths = [*question.artifacts, *([question.baseline] if question.baseline else [])]
    fits = has_room_for_two([path for path in paths if path.is_file()])
    return Mode.PAIRED if fits else Mode.PAIRED_SERIAL


@contextmanager
def _candidates(question: Question) -> Iterator[tuple[Candidate, list[Candidate]]]:
    """The baseline and the new artifacts, each with what runs it; a context manager."""
    old, news = question.baseline or question.artifacts[0], question.candidates
    if question.baseline_python is None:
        yield Candidate(artifact=old, engine=question.engine), news
        return
    with two_interpreters(question.baseline_python) as (theirs, ours):
        # Their engine is the one that they have; --engine is ours.
        yield (
            Candidate(artifact=old, interpreter=theirs),
            [replace(new, interpreter=ours) for new in news],
        )


def check_paired(
    baseline: Candidate,
    news: Sequence[Candidate],
    *,
    plan: CheckPlan,
    gates: GateOptions = NOTHING_ALLOWED,
    cooled: CoolDown | None = None,
    on_pair: Callable[[Path, int, int], None] = lambda path, done, planned: None,
    mode: Mode = Mode.PAIRED,
) -> CheckReport:
    """Compare each new artifact with the baseline on this machine.

    Args:
        baseline: The old artifact.
        news: At least one.
        plan: Thresholds and durations.
        gates: What may change beside the latency.
        cooled: The wait before, for the report.
        on_pair: Gets the new artifact, how many pairs are done, and how many are planned.
        mode: PAIRED, or PAIRED_SERIAL for one process at a time.

    Raises:
        BaselineError: There is no baseline file.
        ContractError: There is no certificate where one is asked for.
        ArtifactError, EngineError: A file cannot be run.
        MeasurementError: It could not be measured, the budget is too small, instructions are
            to be compared and cannot be counted, or the qualification beside the baseline
            cannot be read.
    """
    require_baseline(baseline.artifact)
    _require_counters(plan)
    qualified = qualification_beside(baseline.artifact)
    # Also looks whether all of them can be run before any is measured.
    old, *subjects = (subject(each, plan) for each in (baseline, *news))
    certificates = [
        certificate_for(each.artifact, about.sha256, gates)
        for each, about in zip(news, subjects, strict=True)
    ]
    created_at = timestamp()
    before, here, board_before = machine(), environment_here(), board_state()
    rng, limit_c = random.Random(plan.seed), board_before.temperature_limit_c
    measure = measure_pair_serially if mode is Mode.PAIRED_SERIAL else measure_pair
    measured = []
    for new in news:
        runner = Runner(plan, rng=rng, temperature_limit_c=limit_c)
        pairs = measure_pairs(
            partial(measure, runner, baseline, new),
            plan,
            artifacts=len(news),
            on_pair=partial(on_pair, new.artifact),
        )
        measured.append((pairs, runner.states))
    decisions = decide([pairs for pairs, _ in measured], plan)
    return CheckReport(
        strop_version=installed_version(),
        created_at=created_at,
        mode=mode.value,
        plan=plan,
        machine=before,
        place=here,
        cool_down=cooled,
        board_before=board_before,
        board_after=board_state(),
        baseline=old,
        artifacts=tuple(
            Checked(
                subject=new,
                decision=decision,
                changes=changes(
                    old.anatomy,
                    new.anatomy,
                    pair_figures(pairs, min_quads=plan.min_valid_quads).peaks_bytes,
                    gates=gates,
                    certificate=certificate,
                ),
                block_states=states,
                pairs=pairs,
            )
            for new, decision, certificate, (pairs, states) in zip(
                subjects, decisions, certificates, measured, strict=True
            )
        ),
        qualification=findings_for(qualified, before, plan),
    )


def _require_counters(plan: CheckPlan) -> None:
    obstacle = why_not(Event.INSTRUCTIONS) if plan.metric is Metric.INSTRUCTIONS else ""
    if obstacle:
        raise MeasurementError(f"--metric {plan.metric.value}: {obstacle}")


def require_baseline(path: Path) -> None:
    """Refuse a baseline that is not there.

    Raises:
        BaselineError: There is no such file.
    """
    if not path.exists():
        raise BaselineError(
            f"{path}: no such file; needed is the released artifact to compare with"
        )
