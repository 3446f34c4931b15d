"""Writes the table of boards as Markdown, for a repository that anyone adds records to."""

from __future__ import annotations

from collections.abc import Iterator

from strop.runtime.evidence.board_rows import BoardRow, Boards
from strop.runtime.pages.markdown_text import code, plain, table
from strop.runtime.units import NS_PER_MS, PERCENT

COLUMNS = (
    "machine",
    "engine",
    "threads",
    "p50, ms [95 %]",
    "first result, ms",
    "mJ",
    "same answer as float",
    "day",
    "signed by",
    "record",
)


def boards_markdown(boards: Boards) -> str:
    """Write a table for each file, the fastest machine first, and below them what was refused."""
    return "\n".join(_lines(boards)) + "\n"


def cells(row: BoardRow) -> tuple[str, ...]:
    """Write a row's figures, as COLUMNS names them."""
    agreement = "" if row.agreement is None else f"{PERCENT * row.agreement:.2f} %"
    return (
        row.machine,
        row.engine,
        str(row.num_threads),
        _latency(row),
        f"{row.first_result_ns / NS_PER_MS:.1f}",
        "" if row.energy_mj is None else f"{row.energy_mj:.3g}",
        agreement,
        row.day,
        row.signer or "nobody",
        row.path,
    )


def _lines(boards: Boards) -> Iterator[str]:
    yield "# Measured on boards"
    for artifact, sha256 in dict.fromkeys((row.artifact, row.sha256) for row in boards.rows):
        own = [row for row in boards.rows if (row.artifact, row.sha256) == (artifact, sha256)]
        yield from ("", f"## {plain(artifact)}", "", f"SHA-256 {code(sha256)}", "")
        yield from table(COLUMNS, [cells(row) for row in own])
    if boards.refused:
        yield from ("", "## Not counted", "")
        yield from (f"- {code(each.path)}: {plain(each.reason)}" for each in boards.refused)


def _latency(row: BoardRow) -> str:
    text = f"{row.p50_ns / NS_PER_MS:.3g}"
    interval = row.p50_interval_ns
    if interval is None:
        return text
    return f"{text} [{interval.low / NS_PER_MS:.3g}, {interval.high / NS_PER_MS:.3g}]"
