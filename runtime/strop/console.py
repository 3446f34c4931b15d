"""The one place, with `strop.cli`, that prints: results to stdout, all else to stderr.

On a terminal with rich installed, tables and progress bars are rich's; without it, or
into a pipe or a file, they are plain text and progress is silent. Labels, names of files
and what a board sends may come from strangers: what a terminal could obey, or show as
something else, is escaped in all that is printed here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from json import dumps
from shutil import get_terminal_size
from time import monotonic
from typing import TextIO, TypeVar

from strop.runtime.errors import OutputError
from strop.runtime.pages.terminal_text import one_line

T = TypeVar("T")
COLUMN_GAP = "  "
ABSENT = "-"
REDRAW_S = 0.1  # a notebook keeps what is sent to it
MAX_ERROR = 2000  # characters of a line
# A string holds no line break in JSON, so that only the layout is matched.
FLAT_LIST = re.compile(r"\[\n\s+[^\[\]{}\"]*?\n\s*\]")


def settings(title: str, pairs: Mapping[str, object]) -> None:
    """Echo every resolved setting to stderr before the work starts.

    Args:
        title: What is about to happen, with its subject.
        pairs: Name to value; None is shown as "-", a list or tuple by its items.
    """
    width = max(map(len, pairs), default=0)
    note(title, *(f"  {name:<{width}}  {_cell(value)}" for name, value in pairs.items()))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to stdout; columns that hold only numbers are aligned right.

    Args:
        columns: Headings, with the unit.
        rows: One cell a column; None is shown as "-". On a terminal that is too narrow,
            rows become columns if these fit.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [all(_is_number(row[i]) for row in cells) for i in range(len(columns))]
    lines = [[_cell(column) for column in columns], *cells]
    if sys.stdout.isatty() and _width(lines) > get_terminal_size().columns:
        # One record a column: a terminal folds wide lines until nobody can read them.
        turned = [list(line) for line in zip(*lines, strict=True)]
        if _width(turned) <= get_terminal_size().columns:
            lines, right = turned, [False, *[True] * len(rows)]
    if _has_rich(sys.stdout):
        _rich_table(lines, right)
        return
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        _write(sys.stdout, COLUMN_GAP.join(padded).rstrip())


def gap() -> None:
    """An empty line on stdout, between two tables."""
    _write(sys.stdout, "")


def line(text: str) -> None:
    """Print one line of a stream to stdout, at once; what would break the line is escaped."""
    _write(sys.stdout, one_line(text))
    flush()


def json_line(record: object) -> None:
    """Print a record of plain Python values to stdout as one line of JSON, at once."""
    # ASCII: no character of a path is a line break, or foreign to the reader's encoding.
    _write(sys.stdout, dumps(record))
    flush()


def flush() -> None:
    """Pass on to the system what was printed to stdout.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as err:
        raise _unwritten(err) from err


def json(record: object) -> None:
    """Print a record of plain Python values to stdout, as indented JSON, flat lists on a line."""
    text = dumps(record, ensure_ascii=False, indent=1)
    text = FLAT_LIST.sub(lambda found: " ".join(found.group().split()), text)
    # Layout has no other character that is not printable than its line breaks.
    _write(sys.stdout, "\n".join(map(_json_ascii_controls, text.split("\n"))))


def _json_ascii_controls(text: str) -> str:
    """The same JSON, for terminals: what `one_line` escapes, escaped as JSON does."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else dumps(char)[1:-1] for char in text)


def progress(iterable: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Pass the items on, with a progress bar on stderr if that is a terminal or a notebook's.

    Args:
        iterable: What is worked through.
        total: How many items there are.
        label: What is done with them.
    """
    if "ipykernel" in sys.modules:
        yield from _counted(iterable, total, one_line(label))
        return
    if not _has_rich(sys.stderr):
        yield from iterable
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(
        iterable,
        description=one_line(label),
        total=total,
        console=Console(stderr=True),
        transient=True,
    )


def _counted(iterable: Iterable[T], total: int, label: str) -> Iterator[T]:
    """The progress of notebooks: one line, written over, which all of them can show."""
    shown_s = 0.0
    for done, item in enumerate(iterable):
        if monotonic() - shown_s >= REDRAW_S:
            shown_s = monotonic()
            sys.stderr.write(f"\r{label} {done}/{total}")
        yield item
    sys.stderr.write(f"\r{label} {total}/{total}\n")


def note(*lines: str) -> None:
    """Say something about the work to stderr, each argument on a line of its own."""
    _write(sys.stderr, "\n".join(map(one_line, lines)))


def error(*lines: str) -> None:
    """Say to stderr why the command ends, each argument on a line of its own."""
    first, *rest = map(_short, lines or ("",))
    note(f"error: {first}", *rest)


def _short(line: str) -> str:
    """A line that quotes a stranger's text of any length, with its beginning and its remedy."""
    return (
        line
        if len(line) <= MAX_ERROR
        else f"{line[: MAX_ERROR // 2]} ... {line[-MAX_ERROR // 2 :]}"
    )


def discard(stream: TextIO) -> None:
    """Send what is still to be written to the stream to the null device.

    Python flushes the standard streams once more when it ends: what the system did not
    take before, it does not take then, and the exit code would be 120.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())
    except (OSError, ValueError):  # no file of the system's, as in a test
        pass
    finally:
        os.close(null)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        # A terminal set to ASCII must not end the work over a label's accent.
        encoding = stream.encoding or "ascii"
        _write(stream, text.encode(encoding, "backslashreplace").decode(encoding))
    except BrokenPipeError:
        raise
    except OSError as err:
        if stream is sys.stdout:
            raise _unwritten(err) from err
        # A remark that cannot be written does not end the work.
        discard(stream)


def _unwritten(err: OSError) -> OutputError:
    discard(sys.stdout)
    return OutputError(
        f"standard output: {err.strerror}; the result is lost there: send it elsewhere"
    )


def _cell(value: object) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, (list, tuple)):
        return one_line(", ".join(map(str, value))) or ABSENT
    return one_line(str(value))


def _is_number(cell: str) -> bool:
    try:
        float(cell.rstrip("%x"))
    except ValueError:
        return cell == ABSENT
    return True


def _has_rich(stream: TextIO) -> bool:
    return stream.isatty() and find_spec("rich") is not None


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Of the table on a terminal, in characters; rich puts one on either side of a cell."""
    return sum(max(map(len, column)) + 2 for column in zip(*lines, strict=True)) + 2


def _rich_table(lines: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headings, *rows = lines
    printed = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, is_right in zip(headings, right, strict=True):
        printed.add_column(Text(heading), justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        # Text, not str: rich reads "[...]" in a label as markup.
        printed.add_row(*map(Text, row))
    Console().print(printed)
