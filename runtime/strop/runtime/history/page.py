"""The history as one HTML file that needs no network, and as one SVG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.history.chart import WIDTH, Chart, add_dot, draw, milliseconds
from strop.runtime.history.lines import HASH_DIGITS, Line, Point
from strop.runtime.history.read import Skipped
from strop.runtime.pages.html_page import add_table, page_text, start_page
from strop.runtime.pages.style import chart_css, page_css
from strop.runtime.pages.xml_text import xml_text
from strop.runtime.records.timestamps import timestamp

TITLE = "p50 latency over time"
SVG = "http://www.w3.org/2000/svg"
PADDING = 8
KEY_STEP = 20
KEY = (
    ("another artifact file than before", True, False),
    ("the run does not count", False, True),
)
KEY_TEXTS = (
    "E: another engine, or version of it",
    "M: system, Python, governor or clock changed",
    "bars: 95 % intervals",
)
COLUMNS = ("time", "p50 [95 %]", "engine", "artifact", "measured on", "changed", "record")


def history_html(lines: Sequence[Line], not_drawn: Sequence[Skipped]) -> str:
    """The page.

    Args:
        lines: As `lines_of` orders them.
        not_drawn: Records that could not be used.
    """
    root, body = start_page(TITLE, css=f"{page_css()}\n{chart_css()}")
    count = sum(len(line.points) for line in lines)
    SubElement(body, "p", {"class": "quiet"}).text = f"{count} measurements, by strop history"
    main = SubElement(body, "main")
    for alike in _together(lines):
        section = SubElement(main, "section")
        section.append(_framed([draw(alike)], label=alike[0].artifact, has_key=False))
        _add_table(section, alike)
    key = SubElement(body, "div", {"class": "key"})
    key.append(_framed([], label="key", has_key=True))
    _add_not_drawn(body, not_drawn)
    return page_text(root)


def history_svg(lines: Sequence[Line]) -> str:
    """All charts below each other."""
    charts = [draw(alike) for alike in _together(lines)]
    root = _framed(charts, label=TITLE, has_key=True)
    root.set("xmlns", SVG)
    _, _, root.attrib["width"], root.attrib["height"] = root.attrib["viewBox"].split()
    style = Element("style")
    style.text = "\n" + chart_css() + "\n"
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _together(lines: Sequence[Line]) -> list[list[Line]]:
    """What one chart holds: an artifact on a machine; another's scale may be ten times that."""
    return [list(alike) for _, alike in groupby(lines, lambda line: (line.artifact, line.machine))]


def _framed(charts: Sequence[Chart], *, label: str, has_key: bool) -> Element:
    heights = [chart.height + PADDING for chart in charts]
    height = sum(heights) + ((len(KEY) + len(KEY_TEXTS)) * KEY_STEP + PADDING if has_key else 0)
    root = Element(
        "svg", {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": xml_text(label)}
    )
    SubElement(root, "rect", {"width": "100%", "height": "100%", "class": "paper"})
    y = 0
    for chart, step in zip(charts, heights, strict=True):
        chart.group.set("transform", f"translate(0 {y})")
        root.append(chart.group)
        y += step
    if has_key:
        root.append(_key(y))
    return root


def _key(y: int) -> Element:
    group = Element("g", {"class": "c0", "transform": f"translate(0 {y})"})
    for i, (text, is_new, is_void) in enumerate(KEY):
        mark = SubElement(group, "g", {"class": "point"})
        add_dot(mark, 16, 16 + KEY_STEP * i, is_new=is_new, is_void=is_void)
        _add_key_text(group, 30, 20 + KEY_STEP * i, text)
    for i, text in enumerate(KEY_TEXTS, start=len(KEY)):
        _add_key_text(group, 8, 20 + KEY_STEP * i, text)
    return group


def _add_key_text(group: Element, x: int, y: int, text: str) -> None:
    SubElement(group, "text", {"x": str(x), "y": str(y), "class": "dim"}).text = text


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
