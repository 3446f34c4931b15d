"""The history as one HTML file that needs no network, and as one SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.history.chart import KEY, history_chart, milliseconds
from strop.runtime.history.lines import HASH_DIGITS, Line, Point
from strop.runtime.history.read import Skipped
from strop.runtime.pages.chart import USE, add_chart, picture
from strop.runtime.pages.html_page import add_table, page_text, start_page
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.records.timestamps import timestamp

TITLE = "p50 latency over time"
COLUMNS = ("time", "p50 [95 %]", "engine", "artifact", "measured on", "changed", "record")


def history_html(lines: Sequence[Line], not_drawn: Sequence[Skipped]) -> str:
    """The page.

    Args:
        lines: As `lines_of` orders them.
        not_drawn: Records that could not be used.
    """
    root, body = start_page(TITLE)
    count = sum(len(line.points) for line in lines)
    SubElement(body, "p", {"class": "quiet"}).text = f"{count} measurements, by strop history"
    main = SubElement(body, "main")
    for alike in _together(lines):
        section = SubElement(main, "section")
        SubElement(section, "h2").text = xml_text(alike[0].artifact)
        SubElement(section, "p", {"class": "quiet"}).text = xml_text(alike[0].machine)
        add_chart(section, history_chart(alike))
        _add_table(section, alike)
    SubElement(body, "p", {"class": "quiet"}).text = " ".join((*KEY, USE))
    _add_not_drawn(body, not_drawn)
    return page_text(root)


def history_svg(lines: Sequence[Line]) -> str:
    """All charts below each other."""
    return picture([history_chart(alike) for alike in _together(lines)], title=TITLE, notes=KEY)


def _together(lines: Sequence[Line]) -> list[list[Line]]:
    """What one chart holds: an artifact on a machine; another's scale may be ten times that."""
    return [list(alike) for _, alike in groupby(lines, lambda line: (line.artifact, line.machine))]


def _add_table(section: Element, lines: Sequence[Line]) -> None:
    """What hovering shows, for those who have no pointer."""
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


def _add_not_drawn(body: Element, not_drawn: Sequence[Skipped]) -> None:
    if not not_drawn:
        return
    SubElement(body, "h2").text = "Not drawn"
    listed = SubElement(body, "ul")
    for each in not_drawn:
        item = SubElement(listed, "li")
        SubElement(item, "code").text = xml_text(each.path)
        item[0].tail = xml_text(f": {each.reason}")
