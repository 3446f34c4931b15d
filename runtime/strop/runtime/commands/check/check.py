"""`strop check`: whether an artifact is slower than a baseline, for CI."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from strop import console
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.termination import ending_on_signals
from strop.runtime.check.modes import paired
from strop.runtime.check.modes.mode import MERGE, MODES, CheckMode
from strop.runtime.check.modes.request import Question
from strop.runtime.commands.check.flags import add_parser
from strop.runtime.commands.check.on_board import CHECK, QUALIFY, check_on_board
from strop.runtime.commands.check.outputs import check_outputs
from strop.runtime.commands.check.question import plan_of, question_of, question_of_merge
from strop.runtime.commands.check.self_test import qualify, run_self_test
from strop.runtime.commands.flags.sign import require_signable, sign_written
from strop.runtime.commands.flags.target import target_of
from strop.runtime.commands.notes import cool_board, note_manifest
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S, CoolDown
from strop.runtime.records.user_files import require_writable
from strop.runtime.remote.address import Target
from strop.runtime.remote.command import Work
from strop.runtime.reporting.presentation import Presentation
from strop.runtime.reporting.wording import change_word

__all__ = ["ON_BOARD", "add_parser", "run"]


def run(options: argparse.Namespace) -> int:
    """Measure, decide, print, keep the report, write what CI reads.

    Raises:
        BaselineError: There is no baseline file.
        ArtifactError, EngineError, ContractError: What was given cannot be run, or has no
            certificate where one is asked for.
        OutputError: `--output` exists, or a file cannot be written.
        PlanError: Options contradict each other, or ask for what cannot be shown.
        TargetError: The board cannot be reached, or lacks something.
        MeasurementError: It could not be measured.
    """
    with check_outputs(options) as write_outputs:
        plan, target = plan_of(options), target_of(options)
        if options.merge:
            return _check(MERGE, question_of_merge(options, plan), options, write_outputs, None)
        if options.self_test:
            return run_self_test(options, plan, target)
        question = question_of(options, plan, is_elsewhere=target is not None)
        return _check(MODES[question.mode], question, options, write_outputs, target)


def _check(
    mode: CheckMode,
    question: Question,
    options: argparse.Namespace,
    write_outputs: Callable[[Presentation], None],
    target: Target | None,
) -> int:
    if options.output is not None:
        require_writable(options.output, force=options.force)
    is_written = options.output is not None and mode.FORMAT is not None
    require_signable(options, is_written=is_written)
    if mode.COMPARES_FILES and question.mode is None and target is None:
        question = replace(question, mode=paired.mode_by_memory(question))
    settings = mode.settings(question)
    if settings:
        artifacts = [str(path) for path in question.artifacts]
        echoed = {"artifacts": artifacts, **settings, "output": options.output}
        console.settings("check", echoed)
    if mode.COMPARES_FILES:
        for path in filter(Path.is_file, question.artifacts):
            note_manifest(path)
    if target is None:
        with ending_on_signals():
            report = mode.run(question, cool=_cool, note=console.note)
    else:
        report = check_on_board(target, question)
    check = mode.present(
        report, is_strict=options.strict, has_accuracy=options.max_drop is not None
    )
    _print(check, is_json=options.json)
    if options.output is not None and mode.FORMAT is not None:
        mode.FORMAT.write(report, options.output)
        console.note(f"{mode.KEPT}: {options.output}")
        sign_written(options, options.output)
    write_outputs(check)
    return check.exit_code


def _print(check: Presentation, *, is_json: bool) -> None:
    """Verdicts, or all figures, to stdout, and what goes with them to stderr."""
    if is_json:
        console.json(check.record)
    for each in check.artifacts:
        lines = [result.text for result in each.latency]
        lines += [f"  {detail}" for detail in each.details]
        lines += [f"  {change_word(found)} {found.gate}: {found.text}" for found in each.changes]
        for line in [] if is_json else lines:
            console.line(line)
        for note in each.notes:
            console.note(note)
    for note in check.notes:
        console.note(note)


def _measure(question: Question) -> CheckReport:
    with ending_on_signals():
        return paired.run(question, cool=_cool, note=console.note)


ON_BOARD = (
    Work(command=CHECK, perform=lambda question: [_measure(question)]),
    Work(command=QUALIFY, perform=lambda request: [qualify(request)]),
)


def _cool() -> CoolDown | None:
    return cool_board(DEFAULT_LIMIT_S)
