"""`strop history`: p50 over time, from the records in a folder, as a page and a picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from strop import console
from strop.runtime.history.lines import Line, lines_of
from strop.runtime.history.page import history_html, history_svg
from strop.runtime.history.read import Skipped, read_records
from strop.runtime.records.user_files import require_writable, write_whole
from strop.runtime.units import NS_PER_MS

DEFAULT_OUTPUT = Path("history.html")
MAX_NAMED = 20  # files that are no records, by name


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `strop history`."""
    parser = subparsers.add_parser(
        "history",
        help="p50 over time, from the records of bench and check in a folder",
        description="Draw what `strop bench --output` and `strop check --output` have kept: a"
        " line for each artifact and machine, with its intervals, on one page that needs no"
        " network. The charts need the extra history; the numbers are printed without.",
    )
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="folder of the records; those below it count too"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help=f"the page (default: {DEFAULT_OUTPUT}, unless --svg is given)",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE.svg", help="the charts as a picture")
    parser.add_argument("--force", action="store_true", help="overwrite the files")


def run(options: argparse.Namespace) -> int:
    """Read, draw, print what was found.

    Raises:
        RecordError: The folder cannot be read, or holds no record that can be drawn.
        OutputError: A file exists or cannot be written.
    """
    page = options.output or (DEFAULT_OUTPUT if options.svg is None else None)
    for path in filter(None, (page, options.svg)):
        require_writable(path, force=options.force)
    records = read_records(options.folder)
    lines = lines_of(records.measured)
    _name("not drawn", records.unreadable, limit=len(records.unreadable))
    _name("no record", records.others, limit=MAX_NAMED)
    console.table(
        [
            "artifact",
            "machine",
            "measured by",
            "points",
            "first p50 ms",
            "last p50 ms",
            "last / first",
        ],
        [_row(line) for line in lines],
    )
    if page is not None:
        write_whole(history_html(lines, records.unreadable), page)
        console.note(f"page: {page}")
    if options.svg is not None:
        write_whole(history_svg(lines), options.svg)
        console.note(f"picture: {options.svg}")
    return 0


def _name(what: str, skipped: Sequence[Skipped], *, limit: int) -> None:
    for each in skipped[:limit]:
        console.note(f"{what}: {each.path}: {each.reason}")
    if len(skipped) > limit:
        console.note(f"{what}: and {len(skipped) - limit} more files")


def _row(line: Line) -> list[object]:
    first, last = (line.points[i].p50_ns for i in (0, -1))
    milliseconds = [f"{value / NS_PER_MS:.3g}" for value in (first, last)]
    named = [line.artifact, line.machine, line.label, len(line.points)]
    return [*named, *milliseconds, f"{last / first:.2f}"]
