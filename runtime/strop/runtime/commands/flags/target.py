"""The flags that name a board, and how a command gets its task done there."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from strop import console
from strop.runtime.artifact.artifact import detect_format
from strop.runtime.errors import TargetError
from strop.runtime.remote.address import DEFAULT_PYTHON, Target, target_from_url

if TYPE_CHECKING:
    from strop.runtime.remote.command import Command, RecordT, RequestT
    from strop.runtime.remote.running import Running
    from strop.runtime.remote.task import Contents


def add_target_flags(parser: argparse.ArgumentParser) -> None:
    """Add --target, --target-python and --target-cache."""
    group = parser.add_argument_group(
        "board",
        "do it on another machine, by the ssh that is installed here and its configuration;"
        " needed there are Python, numpy, Pillow and an engine",
    )
    group.add_argument("--target", metavar="URL", help="ssh://[user@]host[:port]")
    group.add_argument(
        "--target-python",
        metavar="PATH",
        help=f"on the board, such as ~/venv/bin/python (default: {DEFAULT_PYTHON})",
    )
    group.add_argument(
        "--target-cache",
        metavar="FOLDER",
        help="on the board, for strop and what is copied (default: ~/.cache/strop)",
    )


def target_of(options: argparse.Namespace) -> Target | None:
    """The board that the flags name; None where the work is this machine's.

    Raises:
        TargetError: As `target_from_url`; or a flag says something of a board, and none is named.
    """
    if options.target is not None:
        python = options.target_python or DEFAULT_PYTHON
        return target_from_url(options.target, python=python, cache=options.target_cache)
    for name in ("target_python", "target_cache"):
        if getattr(options, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise TargetError(
                f"{flag} is {getattr(options, name)}, but no board is named; add --target"
            )
    return None


def started(
    target: Target,
    command: Command[RequestT, RecordT],
    request: RequestT,
    *,
    artifacts: Iterable[Path] = (),
    engine: str | None = None,
    contents: Contents | None = None,
) -> AbstractContextManager[Running[RequestT, RecordT]]:
    """A request's work, which runs on the board; a context manager, at whose end it does not.

    Args:
        target: The board.
        command: What is asked for.
        request: Of it.
        artifacts: The board must have an engine for each.
        engine: The one that is asked for; None for any.
        contents: As `make_task`.

    Raises:
        ArtifactError: A file cannot be read.
        StropError: As `session.started`.
    """
    # Only here: what runs on this machine shall not wait for it.
    from strop.runtime.remote import session
    from strop.runtime.remote.task import make_task

    formats = {detect_format(path) for path in artifacts}
    return session.started(
        target,
        make_task(command, request, contents=contents),
        formats=formats,
        engine=engine,
        progress=console.progress,
        note=console.note,
    )
