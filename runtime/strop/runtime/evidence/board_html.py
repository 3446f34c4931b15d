"""Writes the table of boards as a page in one file."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from strop.runtime.evidence.board_page import (
    COLUMNS,
    NOT_COUNTED,
    OTHERS,
    OTHERS_COLUMNS,
    OTHERS_SAID,
    TITLE,
    artifacts_of,
    cells,
    published_cells,
)
from strop.runtime.evidence.board_rows import Boards
from strop.runtime.pages.html_page import add_line, add_list, add_table, page_text, start_page
from strop.runtime.pages.xml_text import xml_text


def boards_html(boards: Boards) -> str:
    """Write what `boards_markdown` writes, for a browser."""
    root, body = start_page(TITLE)
    for (artifact, sha256), rows in artifacts_of(boards).items():
        _add_heading(body, artifact)
        add_line(body, f"SHA-256 {sha256}", kind="quiet")
        add_table(body, COLUMNS, [cells(row) for row in rows])
    if boards.published:
        _add_heading(body, OTHERS)
        add_line(body, OTHERS_SAID, kind="quiet")
        add_table(body, OTHERS_COLUMNS, [published_cells(each) for each in boards.published])
    add_list(body, NOT_COUNTED, [(each.path, each.reason) for each in boards.refused])
    return page_text(root)


def _add_heading(body: Element, text: str) -> None:
    SubElement(body, "h2").text = xml_text(text)
