"""The history as one HTML file that needs no network, and as one SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.history.chart import KEY, history_chart, milliseconds
from strop.runtime.history.lines import HASH_DIGITS, Line, Point
from strop.runtime.history.read import Skipped
from strop.runtime.pages.chart import USE, add_chart, picture
from strop.runtime.pages.html_page import add_line, add_list, add_table, page_text, start_page
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.records.timestamps import timestamp

TITLE = "p50 latency over time"
COLUMNS = ("time", "p50 [95 %]", "engine", "artifact", "measured on", "changed", "record")


def history_html(lines: Sequence[Line], not_drawn: Sequence[Skipped]) -> str:
    """Write the page: a chart for each artifact and machine, and its numbers.

    Args:
        lines: As `lines_of` orders them.
        not_drawn: Records that could not be used.

    Raises:
        OutputError: vl-convert-python is not installed.
    """
    root, body = start_page(TITLE)
    count = sum(len(line.points) for line in lines)
    add_line(body, f"{count} measurements, by strop history", kind="quiet")
    main = SubElement(body, "main")
    for alike in _together(lines):
        section = SubElement(main, "section")
        SubElement(section, "h2").text = xml_text(alike[0].artifact)
        add_line(section, alike[0].machine, kind="quiet")
        add_chart(section, history_chart(alike))
        _add_table(section, alike)
    add_line(body, " ".join((*KEY, USE)), kind="quiet")
    add_list(body, "Not drawn", [(each.path, each.reason) for each in not_drawn])
    return page_text(root)


def history_svg(lines: Sequence[Line]) -> str:
    """Write all charts below each other as one picture.

    Raises:
        OutputError: vl-convert-python is not installed.
    """
    return picture([history_chart(alike) for alike in _together(lines)], title=TITLE, notes=KEY)


def _together(lines: Sequence[Line]) -> list[list[Line]]:
    """Group lines into charts: one for an artifact on a machine, as scales differ tenfold."""
    return [list(alike) for _, alike in groupby(lines, lambda line: (line.artifact, line.machine))]


def _add_table(section: Element, lines: Sequence[Line]) -> None:
    """Add what hovering shows, for readers without a pointer or JavaScript."""
    folded = SubElement(section, "details")
    SubElement(folded, "summary").text = "numbers"
    rows = [(point, line.label) for line in lines for point in line.points]
    rows.sort(key=lambda row: row[0].moment, reverse=True)
    add_table(folded, COLUMNS, [_cells(point, label) for point, label in rows])


def _cells(point: Point, label: str) -> tuple[str, ...]:
    changed = [text for _, text in point.changes]
    if not point.is_usable:
        changed.append("does not count")
    return (
        timestamp(point.moment),
        milliseconds(point),
        f"{point.facts.engine} {point.facts.version}",
        point.sha256[:HASH_DIGITS],
        label,
        "; ".join(changed),
        point.record,
    )
