"""Reads the truth about each image from a table: its labels, or its numbers."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from strop.runtime.artifact.contract import Task
from strop.runtime.classify.decision import Decision
from strop.runtime.errors import ImageError
from strop.runtime.records.user_files import read_file

MAX_FILE_BYTES = 256 << 20  # a million images of 80 labels; more is another file
MAX_NAMED = 3  # images that an error lists
MAX_SHOWN = 80  # characters of a cell
NEEDED = (
    "needed is CSV whose first line names its columns: the image's path below the folder, then"
    " one column per score"
)
AXES = ("_x", "_y")  # ends of the columns of a point
NEEDED_OF_POINTS = (
    "needed is CSV whose first line names its columns: the image's path below the folder, then"
    " NAME_x and NAME_y of each point, in pixels"
)


def read_truth(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    images: Sequence[Path],
    *,
    decision: Decision,
    labels: Sequence[str],
) -> tuple[tuple[float, ...], ...]:
    """Read the rows of some images from a CSV file.

    The first line names the columns. The first column is the image's path below the folder;
    the others are one per score: 1 where the image has the label and 0 where it has not, or
    the number that a REGRESS task should give. A LANDMARKS task has two per point, its x and y
    in pixels of the upright image, or two empty cells where it is not there. With labels, columns
    are found by their names (that of a BINARY task is the second label, those of a point LABEL_x
    and LABEL_y); without, they stand in the order of the scores. Rows of images that are not in
    the folder are passed over.

    Args:
        path: The file, UTF-8.
        folder: Where the images lie.
        images: Files below it.
        decision: What the scores are.
        labels: Of the contract.

    Returns:
        For each image as many numbers as there are scores; of a LANDMARKS task x and y of each
        point, NaN of one that is not there.

    Raises:
        ImageError: The file cannot be read, is no such table, or an image is not in it.
    """
    path, folder = Path(path), Path(folder)
    if decision.task is Task.CLASSIFY:
        raise ImageError(
            f"{path}: a table of truth, and the task is classify; sort the images into one"
            " subfolder per class, or give --task multilabel"
        )
    lines = _lines(path)
    header = next(lines, [])
    columns = _columns(header, decision, labels, where=path)
    rows: dict[str, tuple[float, ...]] = {}
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        name = Path(line[0]).as_posix()
        if name in rows:
            raise ImageError(f"{path}: line {number}: {name} stands there twice; keep one row")
        rows[name] = _numbers(line, columns, len(header), decision, where=f"{path}: line {number}")
    wanted = [image.relative_to(folder).as_posix() for image in images]
    missing = [name for name in wanted if name not in rows]
    if missing:
        some = ", ".join(missing[:MAX_NAMED]) + (", ..." if len(missing) > MAX_NAMED else "")
        raise ImageError(
            f"{path}: no row for {len(missing)} of {len(wanted)} images: {some}; add them, by"
            f" their path below {folder}"
        )
    return tuple(rows[name] for name in wanted)


def truth_columns(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read the names of a table's columns behind the image's, in their order.

    Raises:
        ImageError: The file cannot be read, or a name is missing or stands there twice.
    """
    path = Path(path)
    names = tuple(next(_lines(path), [])[1:])
    wrong = [name for name in names if not name.strip() or names.count(name) > 1]
    if wrong or not names:
        found = f"two columns called {wrong[0]!r}" if wrong else "no column behind the image's"
        if wrong and not wrong[0].strip():
            found = f"column {names.index(wrong[0]) + 2} without a name"
        raise ImageError(f"{path}: {found}; {NEEDED}, each with a name of its own")
    return names


def _lines(path: Path) -> Iterator[list[str]]:
    content = read_file(path, max_bytes=MAX_FILE_BYTES, error=ImageError, remedy=NEEDED)
    try:
        yield from csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    except (ValueError, csv.Error) as err:
        raise ImageError(f"{path}: not UTF-8 CSV ({err}); {NEEDED}") from err


def _columns(
    header: Sequence[str], decision: Decision, labels: Sequence[str], *, where: Path
) -> tuple[int, ...]:
    """Find the column of each score."""
    found = len(header) - 1
    points = decision.points
    needed = decision.scores if points is None else len(AXES) * points.points
    if found != needed:
        what = "scores" if points is None else "numbers, x and y of each point"
        raise ImageError(
            f"{where}: {max(found, 0)} columns behind the image's, and there are {needed} {what};"
            f" {NEEDED if points is None else NEEDED_OF_POINTS}"
        )
    names = labels[-1:] if decision.task is Task.BINARY else labels
    if points is not None:
        names = [f"{label}{axis}" for label in labels for axis in AXES]
    if not names:
        return tuple(range(1, found + 1))
    lacking = [name for name in names if header[1:].count(name) != 1]
    if lacking:
        raise ImageError(
            f"{where}: not one column is called {lacking[0]!r}; needed is one for each label,"
            f" {', '.join(map(repr, names[:MAX_NAMED]))}{', ...' if len(names) > MAX_NAMED else ''}"
        )
    return tuple(header.index(name, 1) for name in names)


def _numbers(
    line: Sequence[str], columns: Sequence[int], width: int, decision: Decision, *, where: str
) -> tuple[float, ...]:
    if len(line) != width:
        raise ImageError(f"{where}: {len(line)} columns, the first line has {width}")
    cells = [line[column] for column in columns]
    if decision.points is not None:
        return _places(cells, where=where)
    numbers = _finite(cells, where=where)
    if decision.task is not Task.REGRESS and not set(numbers) <= {0.0, 1.0}:
        raise ImageError(f"{where}: not 0 or 1; needed is 1 for each label that the image has")
    return numbers


def _finite(cells: Sequence[str], *, where: str) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, cells))
    except ValueError as err:
        raise ImageError(f"{where}: {str(err)[:MAX_SHOWN]}; needed are numbers") from err
    if not all(map(math.isfinite, numbers)):
        raise ImageError(f"{where}: not finite; needed are numbers")
    return numbers


def _places(cells: Sequence[str], *, where: str) -> tuple[float, ...]:
    """Read x and y of points, NaN of those that are not there."""
    found: list[float] = []
    for pair in zip(cells[::2], cells[1::2], strict=True):
        is_empty = [not cell.strip() for cell in pair]
        if any(is_empty) and not all(is_empty):
            raise ImageError(
                f"{where}: a point has one of x and y; needed are both, or two empty cells where it"
                " is not there"
            )
        found += (math.nan, math.nan) if all(is_empty) else _finite(pair, where=where)
    return tuple(found)


def points_named(columns: Sequence[str]) -> tuple[str, ...]:
    """Return names of points from the columns of a table, NAME_x and NAME_y; empty without such."""
    names = [column.removesuffix(AXES[0]) for column in columns[::2]]
    expected = [f"{name}{axis}" for name in names for axis in AXES]
    return tuple(names) if list(columns) == expected else ()
