"""Writes the table of boards as Markdown, for a repository that anyone adds records to."""

from __future__ import annotations

from collections.abc import Iterator

from strop.runtime.evidence.board_rows import BoardRow, Boards
from strop.runtime.evidence.published import PublishedFigure
from strop.runtime.pages.markdown_text import code, plain, table
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import NS_PER_MS, PERCENT

TITLE = "Measured on boards"
OTHERS = "Published by others"
OTHERS_SAID = (
    "Not measured with strop, and not vouched for by anybody here: other files of these networks,"
    " by other programs."
)
NOT_COUNTED = "Not counted"
OTHERS_COLUMNS = ("network", "machine", "ms", "threads", "by", "note", "source")
COLUMNS = (
    "machine",
    "p50, ms [95 %]",
    "mJ [95 %]",
    "first result, ms",
    "same answer as float",
    "threads",
    "engine",
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
        _between(row.p50_ns / NS_PER_MS, row.p50_interval_ns, NS_PER_MS),
        "" if row.energy_mj is None else _between(row.energy_mj, row.energy_interval_mj, 1),
        f"{row.first_result_ns / NS_PER_MS:.1f}",
        agreement,
        str(row.num_threads),
        row.engine,
        row.day,
        row.signer or "nobody",
        row.path,
    )


def published_cells(figure: PublishedFigure) -> tuple[str, ...]:
    """Write a figure of others, as OTHERS_COLUMNS names its parts."""
    threads = "" if figure.num_threads is None else str(figure.num_threads)
    stated = (figure.network, figure.machine, f"{figure.ms:g}", threads)
    return (*stated, figure.by, figure.note, figure.source)


def artifacts_of(boards: Boards) -> dict[tuple[str, str], list[BoardRow]]:
    """Group the rows by name and SHA-256 of their file."""
    found: dict[tuple[str, str], list[BoardRow]] = {}
    for row in boards.rows:
        found.setdefault((row.artifact, row.sha256), []).append(row)
    return found


def _lines(boards: Boards) -> Iterator[str]:
    yield f"# {TITLE}"
    for (artifact, sha256), rows in artifacts_of(boards).items():
        yield from ("", f"## {plain(artifact)}", "", f"SHA-256 {code(sha256)}", "")
        yield from table(COLUMNS, [cells(row) for row in rows])
    if boards.published:
        yield from ("", f"## {OTHERS}", "", OTHERS_SAID, "")
        yield from table(OTHERS_COLUMNS, [published_cells(each) for each in boards.published])
    if boards.refused:
        yield from ("", f"## {NOT_COUNTED}", "")
        yield from (f"- {code(each.path)}: {plain(each.reason)}" for each in boards.refused)


def _between(value: float, interval: Interval | None, unit: int) -> str:
    """Write a figure with its interval, which is in parts of `unit`."""
    if interval is None:
        return f"{value:.3g}"
    return f"{value:.3g} [{interval.low / unit:.3g}, {interval.high / unit:.3g}]"
