"""Writes a check's results where CI reads them: files, and GitHub."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from strop import console
from strop.runtime.commands.check.github import write_error_for_github, write_for_github
from strop.runtime.commands.flags.export import (
    add_export_flag,
    require_exports_writable,
    write_exports,
)
from strop.runtime.errors import MeasurementError, OutputError, PlanError, StropError
from strop.runtime.records.user_files import require_writable, write_whole
from strop.runtime.reporting.junit import junit_of, junit_of_error
from strop.runtime.reporting.markdown import markdown_of, markdown_of_error
from strop.runtime.reporting.presentation import Presentation


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """A file that a check writes for CI.

    Attributes:
        suffix: Of its name.
        help: One line for `strop check -h`.
        render: From a check that has an answer.
        render_error: From the artifacts' names, and why there is none.
        is_judged: Whether CI reads the verdict from it: then it is there from the beginning.
    """

    suffix: str
    help: str
    render: Callable[[Presentation], str]
    render_error: Callable[[Sequence[str], StropError], str]
    is_judged: bool = False


# By the flag that takes the file.
FORMATS = {
    "junit": FileFormat(
        suffix="xml",
        help="the check as JUnit tests",
        render=junit_of,
        render_error=junit_of_error,
        is_judged=True,
    ),
    "markdown": FileFormat(
        suffix="md",
        help="the check as a table",
        render=markdown_of,
        render_error=markdown_of_error,
    ),
}


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add --export and a flag for each of FORMATS."""
    add_export_flag(parser)
    group = parser.add_argument_group(
        "CI",
        "written over what is there; on GitHub also annotations, the step's summary, and its"
        " outputs verdict and ratio",
    )
    for name, kind in FORMATS.items():
        group.add_argument(f"--{name}", type=Path, metavar=f"FILE.{kind.suffix}", help=kind.help)


@contextmanager
def check_outputs(options: argparse.Namespace) -> Iterator[Callable[[Presentation], None]]:
    """Write the files of what the block hands over, or of the error that ended it.

    From its beginning on --junit says that there is no answer: a check that is killed must leave
    neither nothing nor the file of the last one, which may be green.

    Args:
        options: As `strop check` parses them.

    Yields:
        A function that writes the files of a check, to be called once.

    Raises:
        OutputError: A file cannot be written.
        PlanError: Files are asked for, and no check is to run.
        StropError: As the block raised it.
    """
    if options.self_test:
        _refuse(options)
        yield lambda check: None
        return
    names = [path.name for path in options.artifacts]
    try:
        for path, _ in _asked(options):
            require_writable(path, force=True)
        require_exports_writable(options)
        unanswered = MeasurementError("ended before it had an answer")
        for path, kind in _asked(options):
            if kind.is_judged:
                write_whole(kind.render_error(names, unanswered), path)
        yield partial(_write_outputs, options)
    except StropError as err:
        for path, kind in _asked(options):
            _try_to_write(kind.render_error(names, err), path)
        write_error_for_github(err, is_json=options.json)
        raise


def _asked(options: argparse.Namespace) -> list[tuple[Path, FileFormat]]:
    """The files that were asked for, and what they are."""
    given = ((getattr(options, name), kind) for name, kind in FORMATS.items())
    return [(path, kind) for path, kind in given if path is not None]


def _refuse(options: argparse.Namespace) -> None:
    for name in (*FORMATS, "export"):
        if getattr(options, name):
            raise PlanError(f"--{name} is of a check; leave it out, or --self-test")


def _write_outputs(options: argparse.Namespace, check: Presentation) -> None:
    for path, kind in _asked(options):
        write_whole(kind.render(check), path)
    if check.measured is not None:
        write_exports(options, check.measured)
    names = [Path(each.name) for each in check.artifacts]
    write_for_github(check, names if options.merge else options.artifacts, is_json=options.json)


def _try_to_write(text: str, path: Path) -> None:
    try:
        write_whole(text, path)
    except OutputError as err:  # the check has to end with its own error, not with this one
        console.note(str(err))
