"""Records as JSON files: written whole or not at all, read back only in a known version."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from strop.runtime.errors import MeasurementError, OutputError
from strop.runtime.records.json_reader import parse_object


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


def versioned(
    text: str | bytes, *, where: str, known: Sequence[int], writer: str
) -> tuple[int, dict[str, object]]:
    """The format version of a record, and its other fields, unchecked.

    Args:
        text: JSON; bytes are UTF-8.
        where: Named in the error, usually the file's path.
        known: Versions that can be read.
        writer: What writes such records, for the error: "strop bench --output".

    Raises:
        MeasurementError: Not JSON that `parse_json` reads, no format version, or another one.
    """
    remedy = f"needed is what {writer} writes"
    record = parse_object(text, where=where, error=MeasurementError, remedy=remedy)
    if "format_version" not in record:
        raise MeasurementError(f"{where}: no format_version; {remedy}")
    found = record.pop("format_version")
    if type(found) is not int or found not in known:
        raise MeasurementError(
            f"{where}: format_version is {found!r:.40}, this strop reads"
            f" {', '.join(map(str, known))}; use the strop that wrote it, or measure again"
        )
    return found, record
