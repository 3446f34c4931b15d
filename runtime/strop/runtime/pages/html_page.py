"""An HTML page in one file that loads nothing and runs nothing, whatever a name may hold."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.pages.xml_text import xml_text

# Nothing is loaded from anywhere, and nothing is run.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def start_page(title: str, *, css: str) -> tuple[Element, Element]:
    """A page with its heading: its root, and its body to be filled."""
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    SubElement(head, "meta", viewport)
    SubElement(head, "meta", {"name": "color-scheme", "content": "light dark"})
    SubElement(head, "title").text = xml_text(title)
    SubElement(head, "style").text = f"\n{css}\n"
    body = SubElement(root, "body")
    SubElement(body, "h1").text = xml_text(title)
    return root, body


def page_text(root: Element) -> str:
    """The file's text."""
    # HTML's own rules: no "/>" after an empty element, and nothing escaped in the style.
    text = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"<!doctype html>\n{text}\n"


def add_table(parent: Element, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Add a table that scrolls by itself where the screen is narrower."""
    table = SubElement(SubElement(parent, "div", {"class": "wide"}), "table")
    _add_row(table, columns, "th")
    for row in rows:
        _add_row(table, row, "td")


def _add_row(table: Element, cells: Sequence[str], tag: str) -> None:
    row = SubElement(table, "tr")
    for cell in cells:
        SubElement(row, tag).text = xml_text(cell)
