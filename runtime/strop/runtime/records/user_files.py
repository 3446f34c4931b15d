"""Reads files that a user names, within bounds, and writes them whole or not at all.

Only regular files are opened: opening a pipe waits for its other end, a device may never end, and a
name in a stranger's folder may lead to either.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from strop.runtime.errors import OutputError, StropError

if TYPE_CHECKING:  # opening an artifact does without pathlib, whose import takes 4 ms
    from pathlib import Path

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_file(path: str | os.PathLike[str], *, error: type[StropError], remedy: str) -> None:
    """Refuse what is neither a regular file nor a link to one.

    Args:
        path: Of the file.
        error: What is raised.
        remedy: What is needed or to be done, the end of the error.

    Raises:
        StropError: As `error` says: there is none, or it is something else.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    # ValueError: a name with a null character.
    except (OSError, ValueError) as err:
        raise error(f"{os.fspath(path)}: {_reason(err)}; {remedy}") from err
    if kind != stat.S_IFREG:
        found = KINDS.get(kind, "no file")
        raise error(f"{os.fspath(path)}: {found}, needed is a regular file; {remedy}")


def read_file(
    path: str | os.PathLike[str], *, max_bytes: int, error: type[StropError], remedy: str
) -> bytes:
    """Read the content of a regular file.

    Args:
        path: Of the file.
        max_bytes: That it may have.
        error: What is raised.
        remedy: What is needed or to be done, the end of the error.

    Raises:
        StropError: As `error` says: no such file, no regular file, unreadable, or larger.
    """
    require_file(path, error=error, remedy=remedy)
    try:
        with open(path, "rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as err:
        raise error(f"{os.fspath(path)}: {_reason(err)}; {remedy}") from err
    if len(content) > max_bytes:
        raise error(f"{os.fspath(path)}: more than {max_bytes} bytes; {remedy}")
    return content


def require_writable(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written, before the work and not after it.

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
    # A lone surrogate is a byte of a file's name; in JSON this is its escape.
    write_whole_bytes(text.encode("utf-8", errors="backslashreplace"), path)


def write_whole_bytes(content: bytes, path: Path) -> None:
    """Write a file, all of it or nothing, over whatever is there.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as err:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: {err.strerror}; choose another place for it") from err


def _reason(err: OSError | ValueError) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or str(err)
