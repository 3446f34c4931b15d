"""Finds paths of images one by one: in folders, by patterns, on standard input.

Nothing here holds a list of all paths: a folder of 100,000 images costs the names of one
folder at a time, and standard input one line.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from strop.runtime.images.dataset import no_images
from strop.runtime.images.load import SUFFIXES

MAX_LINE_BYTES = 1 << 16  # sixteen times the longest path of Linux
STANDARD_INPUT = "-"
PATTERN_MARKS = frozenset("*?[")
ANY_DEPTH = "**"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """What is no image, among those that are.

    Attributes:
        path: What was given or found.
        reason: What is wrong with it, and what to do.
    """

    path: str
    reason: str


def names_many(argument: str) -> bool:
    """Whether an argument stands for images yet to be found: a folder, a pattern, "-".

    A file whose name looks like a pattern is a file.
    """
    if argument == STANDARD_INPUT or _is_folder(argument):
        return True
    return not PATTERN_MARKS.isdisjoint(argument) and not os.path.lexists(argument)


def find_images(arguments: Iterable[str], *, stdin: BinaryIO) -> Iterator[str | Unusable]:
    """Every image that the arguments stand for, one by one, in their order.

    Args:
        arguments: Folders (as `walk_images`), patterns (as `match_files`), "-" for the
            paths on `stdin`, and files, which are not looked at.
        stdin: One path a line; empty lines are left out.

    Yields:
        A path; or what is unusable: a folder that cannot be read, and an argument that
        stands for no image at all.
    """
    for argument in arguments:
        if argument == STANDARD_INPUT:
            yield from _paths_of_lines(stdin)
        elif _is_folder(argument):
            yield from walk_images(argument)
        elif names_many(argument):
            yield from match_files(argument)
        else:
            yield argument


def walk_images(folder: str) -> Iterator[str | Unusable]:
    """Every image below the folder, in the order and by the rules of `list_images`.

    Folders that are symbolic links are not entered.

    Yields:
        A path; or what is unusable: a folder that cannot be read, and `folder` itself if
        there is no image in it.
    """
    others: Counter[str] = Counter()
    is_empty = True
    # Per open folder: its path, and the names still to come, last one first.
    opened = [("", [folder.rstrip("/") + "/"])]
    while opened:
        parent, names = opened[-1]
        if not names:
            opened.pop()
            continue
        path = parent + names.pop()
        if not path.endswith("/"):
            is_empty = False
            yield path
            continue
        try:
            opened.append((path, _listing(path, others)))
        except OSError as err:
            is_empty = False
            yield _unreadable(path, err)
    if is_empty:
        yield Unusable(path=folder, reason=no_images(folder, others))


def match_files(pattern: str) -> Iterator[str | Unusable]:
    """Every file that matches the pattern, sorted within each folder.

    Args:
        pattern: `*`, `?` and `[...]` as in a shell; `**` stands for folders of any depth,
            those that are symbolic links not among them. Hidden names match only a part
            that begins with a point.

    Yields:
        A path, whatever its suffix; or what is unusable: a folder that cannot be read,
        and the pattern itself if no file matches.
    """
    root = "/" if pattern.startswith("/") else ""
    parts: list[str] = []
    for part in filter(None, pattern.split("/")):
        if part != ANY_DEPTH or parts[-1:] != [ANY_DEPTH]:
            parts.append(part)
    is_empty = True
    for found in _matches(root, parts):
        is_empty = False
        yield found
    if is_empty:
        yield Unusable(
            path=pattern,
            reason=f"{pattern}: no file matches; needed is a pattern of files, such as"
            " 'photos/**/*.jpg'",
        )


def _paths_of_lines(stdin: BinaryIO) -> Iterator[str | Unusable]:
    is_empty = True
    while line := stdin.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            is_empty = False
            yield Unusable(
                path=STANDARD_INPUT,
                reason=f"standard input: a line of {MAX_LINE_BYTES} bytes or more; needed is one"
                " path of an image a line",
            )
            return
        # Bytes, because a file's name need not be text in this terminal's encoding.
        if path := os.fsdecode(line.rstrip(b"\r\n")):
            is_empty = False
            yield path
    if is_empty:
        yield Unusable(
            path=STANDARD_INPUT,
            reason="standard input: no path; needed is one path of an image a line",
        )


def _listing(folder: str, others: Counter[str]) -> list[str]:
    """Names of the folder's images and, with a "/", of its folders, in descending order.

    With the "/" they sort as their images' whole paths do. `others` counts the suffixes
    of what is left out, as long as there has been no image.
    """
    names: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            is_link = entry.is_symlink()
            if is_link and _is_folder(entry.path):
                continue
            if entry.is_dir(follow_symlinks=False):
                names.append(f"{entry.name}/")
                continue
            suffix = Path(entry.name).suffix.lower()
            # A link that leads nowhere goes on to be named; a pipe would block.
            if suffix in SUFFIXES and (is_link or entry.is_file(follow_symlinks=False)):
                names.append(entry.name)
            else:
                others[suffix or "no suffix"] += 1
    names.sort(reverse=True)
    return names


def _matches(folder: str, parts: Sequence[str]) -> Iterator[str | Unusable]:
    """Files in `folder` ("" or with a "/" behind it) that match the parts of a pattern."""
    part, *rest = parts
    if part == ANY_DEPTH:
        for each in _folders(folder):
            if isinstance(each, Unusable):
                yield each
            else:
                yield from _matches(each, rest or ["*"])
        return
    try:
        names = _matching_names(folder, part)
    except OSError as err:
        yield _unreadable(folder, err)
        return
    for name in names:
        path = folder + name
        if not rest and _is_file(path):
            yield path
        elif rest and _is_folder(path):
            yield from _matches(f"{path}/", rest)


def _matching_names(folder: str, part: str) -> list[str]:
    if PATTERN_MARKS.isdisjoint(part):
        return [part]
    with os.scandir(folder or ".") as entries:
        return sorted(
            entry.name
            for entry in entries
            if fnmatchcase(entry.name, part) and entry.name.startswith(".") <= part.startswith(".")
        )


def _folders(folder: str) -> Iterator[str | Unusable]:
    """The folder and all below it that are neither hidden nor symbolic links."""
    pending = [folder]
    while pending:
        parent = pending.pop()
        try:
            with os.scandir(parent or ".") as entries:
                names = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
        except OSError as err:
            yield _unreadable(parent, err)
            continue
        yield parent
        pending += [f"{parent}{name}/" for name in reversed(names)]


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises where a name is too long


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113  # as above


def _unreadable(folder: str, err: OSError) -> Unusable:
    return Unusable(path=folder, reason=f"{folder}: {err.strerror}; needed is a readable folder")
