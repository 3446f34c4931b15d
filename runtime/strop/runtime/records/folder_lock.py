"""Keeps a second process out of a folder; the system ends that with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strop.runtime.errors import OutputError


@contextmanager
def alone(folder: Path, *, busy: str) -> Iterator[None]:
    """Hold a folder that exists until the block or the process ends.

    Args:
        folder: What is written to.
        busy: The error's text where another process holds it.

    Raises:
        OutputError: Another process holds it, or it cannot be opened.
    """
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError as err:
        raise OutputError(f"{folder}: {err.strerror}; choose another place") from err
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise OutputError(busy) from err
        yield
    finally:
        os.close(held)


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder."""
    try:
        with alone(folder, busy=""):
            return False
    except OutputError:
        return folder.is_dir()
