"""Files that a user names: only regular ones are opened, and what is read is bounded.

Opening a pipe waits for its other end, a device may never end, and both may be what a name
in a stranger's folder leads to.
"""

from __future__ import annotations

import os
import stat

from strop.runtime.errors import StropError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_file(path: str | os.PathLike[str], *, error: type[StropError], remedy: str) -> None:
    """Pass a regular file, or a link to one.

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
    """The content of a regular file.

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


def _reason(err: OSError | ValueError) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or str(err)
