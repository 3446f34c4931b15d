"""Writes files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from strop.runtime.errors import OutputError


def require_writable(path: Path, *, force: bool) -> None:
    """Pass a file that can be written: to be asked before the work, not after it.

    Args:
        path: Of the file.
        force: Whether it may exist.

    Raises:
        OutputError: It exists, or its folder is missing or cannot be written to.
    """
    if path.exists() and not force:
        raise OutputError(f"{path}: exists; give another name, or --force to overwrite it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: not a folder that can be written to; make it first")


def write_whole(text: str, path: Path) -> None:
    """Write a file, all of it or nothing, over whatever is there.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A lone surrogate is a byte of a file's name; in JSON this is its escape.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        partial.replace(path)
    except OSError as err:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: {err.strerror}; choose another place for it") from err
