"""What a check compares with, and how: as asked for, or by what there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strop import console
from strop.runtime.baseline.resolve import baseline_file, promoted_of
from strop.runtime.baseline.stored import MIN_SESSIONS
from strop.runtime.check.judge.mode import Mode
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.judge.slo import Slo, slo_from_text
from strop.runtime.check.measure.interpreter import two_interpreters
from strop.runtime.check.measure.pair import Candidate
from strop.runtime.check.measure.serial import has_room_for_two
from strop.runtime.commands.flags.target import has_target
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.errors import BaselineError, PlanError


def add_mode_flags(parser: argparse.ArgumentParser) -> None:
    """Add --mode, --slo and --baseline-python."""
    parser.add_argument(
        "--mode",
        type=Mode,
        choices=list(Mode),
        metavar="MODE",
        help=f"{', '.join(Mode)} (default: by what there is to compare with)",
    )
    parser.add_argument(
        "--slo",
        type=_slo,
        action="append",
        default=[],
        metavar="P<=TIME",
        help="in place of --baseline: an absolute limit, as p95<=50ms; several times for several",
    )
    parser.add_argument(
        "--baseline-python",
        type=Path,
        metavar="PYTHON",
        help="run the baseline by this Python and its engine, as VENV/bin/python; without"
        " --baseline on NEW itself",
    )


def chosen_mode(options: argparse.Namespace) -> Mode | None:
    """The mode of this check; None for `mode_by_memory`, of the machine that measures.

    Raises:
        BaselineError: There is no baseline.
        PlanError: The options contradict each other.
    """
    asked: Mode | None = options.mode
    _refuse_contradictions(asked, options)
    if options.slo:
        return Mode.BUDGET
    if asked is None and _has_only_numbers(options.baseline):
        return Mode.STORED
    return asked


def mode_by_memory(options: argparse.Namespace) -> Mode:
    """PAIRED where this machine's memory holds two of the processes.

    Args:
        options: `baseline` is a file by now.
    """
    files = [path for path in (*options.artifacts, options.baseline) if path.is_file()]
    return Mode.PAIRED if has_room_for_two(files) else Mode.PAIRED_SERIAL


def refuse_elsewhere(options: argparse.Namespace, mode: Mode | None) -> None:
    """Pass what a board can be asked for, where `--target` names one.

    Raises:
        PlanError: It cannot be.
    """
    if not has_target(options):
        return
    if mode in (Mode.BUDGET, Mode.STORED):
        raise PlanError(f"--target and the mode {mode.value}: not over ssh; run strop check there")
    if options.baseline_python is not None:
        raise PlanError("--target and --baseline-python: that Python is not there; leave one out")


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
    if asked is Mode.STORED and options.baseline_python is not None:
        raise PlanError("--mode stored and --baseline-python: numbers run nowhere; leave one out")


def _has_only_numbers(baseline: Path | None) -> bool:
    """Whether the baseline's file is not there, and its sessions are enough without it."""
    found = None if baseline is None else promoted_of(baseline)
    if found is None or found.artifact is not None:
        return False
    return len(found.directory.sessions(found.promotion.sha256)) >= MIN_SESSIONS


def baseline_of(options: argparse.Namespace) -> Path:
    """The file that is compared with.

    Raises:
        BaselineError: None is given, or a directory has none.
        PlanError: A name in a directory is none.
    """
    if options.baseline is not None:
        return baseline_file(options.baseline)
    if options.baseline_python is not None and len(options.artifacts) == 1:
        itself: Path = options.artifacts[0]
        return itself
    raise BaselineError("no --baseline is given; needed is the released artifact to compare with")


@contextmanager
def candidates(
    options: argparse.Namespace, baseline: Path
) -> Iterator[tuple[Candidate, list[Candidate]]]:
    """The baseline and the new artifacts, each with what runs it; a context manager.

    Raises:
        PlanError: `--baseline-python` is none.
        OutputError: No room for what it needs.
    """
    if options.baseline_python is None:
        yield (
            Candidate(artifact=baseline, engine=options.engine),
            [Candidate(artifact=path, engine=options.engine) for path in options.artifacts],
        )
        return
    with two_interpreters(options.baseline_python) as (theirs, ours):
        yield (
            # Their engine is the one that they have; --engine is ours.
            Candidate(artifact=baseline, interpreter=theirs),
            [
                Candidate(artifact=path, engine=options.engine, interpreter=ours)
                for path in options.artifacts
            ],
        )


def note_engines(report: CheckReport) -> None:
    """Say what ran both sides, where that was not the same."""
    old = report.baseline.anatomy.facts
    for checked in report.artifacts:
        new = checked.subject.anatomy.facts
        if (old.engine, old.version) != (new.engine, new.version):
            console.note(f"{checked.subject.name}: by {_named(new)}, its baseline by {_named(old)}")


def _named(facts: EngineFacts) -> str:
    return f"{facts.engine} {facts.version} ({facts.kernels_in_words})"


def _slo(text: str) -> Slo:
    try:
        return slo_from_text(text)
    except PlanError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
