"""The question that the flags of `strop check` ask."""

from __future__ import annotations

import argparse
import secrets
from dataclasses import replace
from pathlib import Path

from strop.runtime.baseline.resolve import baseline_file, promoted_of
from strop.runtime.baseline.stored import MIN_SESSIONS
from strop.runtime.check.judge.gates import GateOptions
from strop.runtime.check.measure.plan import CheckPlan, Metric
from strop.runtime.check.modes.mode import MODES
from strop.runtime.check.modes.request import Mode, Question
from strop.runtime.commands.check.flags import add_parser
from strop.runtime.commands.check.outputs import FORMATS
from strop.runtime.errors import BaselineError, PlanError

SEED_BITS = 32
OF_MERGE = frozenset({"merge", "artifacts", "strict", "json", *FORMATS})


def plan_of(options: argparse.Namespace) -> CheckPlan:
    """Thresholds and durations, with a random seed if none is given.

    Raises:
        PlanError: They contradict each other.
    """
    seed = secrets.randbits(SEED_BITS) if options.seed is None else options.seed
    return replace(
        CheckPlan(),
        tolerance=options.tol,
        limit=options.limit,
        pairs=options.pairs,
        budget_s=options.budget,
        num_threads=options.threads,
        metric=options.metric,
        seed=seed,
    )


def question_of(options: argparse.Namespace, plan: CheckPlan, *, is_elsewhere: bool) -> Question:
    """What `options` ask of a measurement.

    Args:
        options: As parsed.
        plan: As `plan_of` makes it.
        is_elsewhere: Whether a board is to measure.

    Raises:
        BaselineError: There is no baseline.
        PlanError: The options contradict each other, or the mode has no such answer.
    """
    mode = _mode(options)
    compares_files = MODES[mode].COMPARES_FILES
    if mode is not None and not compares_files:
        _refuse_for_files(options, mode, is_elsewhere=is_elsewhere)
    if is_elsewhere and options.baseline_python is not None:
        raise PlanError("--target and --baseline-python: that Python is not there; leave one out")
    return Question(
        artifacts=tuple(options.artifacts),
        plan=plan,
        mode=mode,
        baseline=_baseline_file(options) if compares_files else options.baseline,
        baseline_python=options.baseline_python,
        engine=options.engine,
        gates=GateOptions(allowed=options.allow, max_drop=options.max_drop),
        slos=tuple(options.slo),
    )


def question_of_merge(options: argparse.Namespace, plan: CheckPlan) -> Question:
    """What `options` with `--merge` ask of reports.

    Raises:
        PlanError: Another one is given, which is for measuring.
    """
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    given = [
        f"--{name.replace('_', '-')}"
        for name, value in vars(parser.parse_args(["check", "NEW"])).items()
        if name not in OF_MERGE and getattr(options, name) != value
    ]
    if given:
        raise PlanError(
            f"--merge and {', '.join(given)}: nothing is measured, the reports have their"
            " thresholds; leave it out"
        )
    return Question(artifacts=tuple(options.artifacts), plan=plan)


def _mode(options: argparse.Namespace) -> Mode | None:
    asked: Mode | None = options.mode
    _refuse_contradictions(asked, options)
    if options.slo:
        return Mode.BUDGET
    if asked is None and _has_only_numbers(options.baseline):
        return Mode.STORED
    return asked


def _refuse_for_files(options: argparse.Namespace, mode: Mode, *, is_elsewhere: bool) -> None:
    """Refuse what only a mode that measures a baseline's file can do."""
    if options.export:
        raise PlanError(
            f"--export is of a check against a baseline's file, and the mode is {mode.value};"
            " take --json or --output, or strop bench --export"
        )
    if options.metric is not Metric.LATENCY:
        raise PlanError(
            f"--metric {options.metric.value} and the mode {mode.value}, which is about the wall"
            " clock; leave one out"
        )
    if is_elsewhere:
        raise PlanError(f"--target and the mode {mode.value}: not over ssh; run strop check there")


def _baseline_file(options: argparse.Namespace) -> Path:
    if options.baseline is not None:
        return baseline_file(options.baseline)
    if options.baseline_python is not None and len(options.artifacts) == 1:
        itself: Path = options.artifacts[0]
        return itself
    raise BaselineError("no --baseline is given; needed is the released artifact to compare with")


def _refuse_contradictions(asked: Mode | None, options: argparse.Namespace) -> None:
    if asked not in (None, Mode.BUDGET) and options.slo:
        raise PlanError(f"--slo and --mode {asked.value}: limits are for --mode budget alone")
    if asked is Mode.BUDGET and not options.slo:
        raise PlanError("--mode budget: no limit is given; needed is --slo 'p95<=50ms'")
    if options.slo and options.baseline is not None:
        raise PlanError(
            "--slo and --baseline: two questions, with two answers; check twice, once with each"
        )
    if options.slo and options.baseline_python is not None:
        raise PlanError("--slo and --baseline-python: a limit has no baseline; leave one out")
    if options.slo and (options.max_drop is not None or options.allow):
        flag = "--allow" if options.max_drop is None else "--max-drop"
        raise PlanError(
            f"--slo and {flag}: limits are of latency alone; check against a --baseline for what"
            " else may fail"
        )
    if asked is Mode.STORED and options.baseline_python is not None:
        raise PlanError("--mode stored and --baseline-python: numbers run nowhere; leave one out")


def _has_only_numbers(baseline: Path | None) -> bool:
    """Whether the baseline's file is not there, and its sessions are enough without it."""
    found = None if baseline is None else promoted_of(baseline)
    if found is None or found.artifact is not None:
        return False
    return len(found.directory.sessions(found.promotion.sha256)) >= MIN_SESSIONS
