"""Writes a check's results where CI reads them: files, and GitHub."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from strop import console
from strop.runtime.baseline.stored_report import StoredReport
from strop.runtime.check.judge.mode import Mode
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.modes.budget import BudgetReport
from strop.runtime.check.modes.merge import MergedReport
from strop.runtime.commands.check.github import tell_github, tell_github_error
from strop.runtime.commands.flags.export import (
    add_export_flag,
    require_exports_writable,
    write_exports,
)
from strop.runtime.errors import MeasurementError, OutputError, PlanError, StropError
from strop.runtime.history.measured import measured_by_check
from strop.runtime.records.json_records import require_writable, write_whole
from strop.runtime.reporting.ci_results import (
    ci_results_of_budget,
    ci_results_of_check,
    ci_results_of_merge,
    ci_results_of_stored,
)
from strop.runtime.reporting.junit import junit_of, junit_of_error
from strop.runtime.reporting.markdown import (
    markdown_of_budget,
    markdown_of_error,
    markdown_of_merge,
    markdown_of_report,
    markdown_of_stored,
)

Report = CheckReport | StoredReport | BudgetReport | MergedReport


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add --junit, --markdown and --export."""
    add_export_flag(parser)
    group = parser.add_argument_group(
        "CI",
        "written over what is there; on GitHub also annotations, the step's summary, and its"
        " outputs verdict and ratio",
    )
    group.add_argument("--junit", type=Path, metavar="FILE.xml", help="the check as JUnit tests")
    group.add_argument("--markdown", type=Path, metavar="FILE.md", help="the check as a table")


@contextmanager
def check_outputs(options: argparse.Namespace) -> Iterator[Callable[[Report], None]]:
    """Tell what the block hands over, or else by what it ended; a context manager.

    From its beginning on --junit says that there is no answer, so that a check that is
    killed leaves neither nothing nor the file of the last one, which may be green.

    Args:
        options: As `strop check` parses them.

    Yields:
        What tells of a report, once.

    Raises:
        OutputError: A file cannot be written.
        PlanError: Files are asked for, and no check is to run.
        StropError: As the block raised it.
    """
    if options.self_test:
        _refuse(options)
        yield lambda report: None
        return
    try:
        for path in filter(None, (options.junit, options.markdown)):
            require_writable(path, force=True)
        require_exports_writable(options)
        _write(_junit(options, MeasurementError("ended before it had an answer")), options.junit)
        yield partial(_tell, options)
    except StropError as err:
        _tell_error(options, err)
        raise


def refuse_exports(options: argparse.Namespace, mode: Mode) -> None:
    """Pass a check without pairs where no --export is asked for.

    Raises:
        PlanError: One is.
    """
    if options.export:
        raise PlanError(
            f"--export is of a check against a baseline's file, and the mode is {mode.value};"
            " take --json or --output, or strop bench --export"
        )


def _refuse(options: argparse.Namespace) -> None:
    for name in ("junit", "markdown", "export"):
        if getattr(options, name):
            raise PlanError(f"--{name} is of a check; leave it out, or --self-test")


def _tell(options: argparse.Namespace, report: Report) -> None:
    is_strict, has_accuracy = options.strict, options.max_drop is not None
    paths = options.artifacts
    if isinstance(report, MergedReport):
        results, markdown = (
            ci_results_of_merge(report, is_strict=is_strict),
            markdown_of_merge(report),
        )
        paths = [Path(each.name) for each in results]
    elif isinstance(report, BudgetReport):
        results = ci_results_of_budget(report, is_strict=is_strict)
        markdown = markdown_of_budget(report)
    elif isinstance(report, StoredReport):
        results = ci_results_of_stored(report, is_strict=is_strict, has_accuracy=has_accuracy)
        markdown = markdown_of_stored(report)
    else:
        results = ci_results_of_check(report, is_strict=is_strict, has_accuracy=has_accuracy)
        markdown = markdown_of_report(report)
    _write(junit_of(results), options.junit)
    _write(markdown, options.markdown)
    if isinstance(report, CheckReport):
        write_exports(options, measured_by_check(report))
    tell_github(results, markdown, paths, is_json=options.json)


def _tell_error(options: argparse.Namespace, error: StropError) -> None:
    _try_to_write(_junit(options, error), options.junit)
    _try_to_write(markdown_of_error(error), options.markdown)
    tell_github_error(error, is_json=options.json)


def _junit(options: argparse.Namespace, error: StropError) -> str:
    return junit_of_error([path.name for path in options.artifacts], error)


def _try_to_write(text: str, path: Path | None) -> None:
    try:
        _write(text, path)
    except OutputError as err:  # the check has to end with its own error, not with this one
        console.note(str(err))


def _write(text: str, path: Path | None) -> None:
    if path is not None:
        write_whole(text, path)
