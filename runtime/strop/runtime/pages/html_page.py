"""Writes an HTML page in one file: it loads nothing and runs only what draws its charts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from strop.runtime.pages import chart
from strop.runtime.pages.style import page_css
from strop.runtime.pages.xml_text import xml_text

# Nothing is loaded from anywhere, and nothing is run but a script with the hash that is added.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
IMAGES = "; img-src data:"  # where the page has pictures: bytes of its own, nothing is loaded
POLICY_NAME = "Content-Security-Policy"


def start_page(title: str) -> tuple[Element, Element]:
    """Start a page with its heading; returns its root, and its body to be filled."""
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"http-equiv": POLICY_NAME, "content": POLICY})
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    SubElement(head, "meta", viewport)
    SubElement(head, "meta", {"name": "color-scheme", "content": "light dark"})
    SubElement(head, "title").text = xml_text(title)
    SubElement(head, "style").text = f"\n{page_css()}\n"
    body = SubElement(root, "body")
    SubElement(body, "h1").text = xml_text(title)
    return root, body


def page_text(root: Element) -> str:
    """Write a page as a file's text, with the script that draws its charts if it has any.

    Raises:
        OutputError: It has charts, and vl-convert-python is not installed.
    """
    if root.find(".//img") is not None:
        _extend_policy(root, IMAGES)
    if root.find(".//figure[@class='chart']") is not None:
        _add_script(root, chart.script())
    # HTML's own rules: no "/>" after an empty element, and nothing escaped in the style.
    text = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"<!doctype html>\n{text}\n"


def add_line(parent: Element, text: str, *, kind: str = "") -> None:
    """Add a paragraph; the style sheet has the kind "quiet"."""
    SubElement(parent, "p", {"class": kind} if kind else {}).text = xml_text(text)


def add_pair(parent: Element, pictures: Sequence[tuple[bytes, str]], caption: str) -> None:
    """Add JPEGs beside each other on any screen, each with its name, and a caption below them."""
    figure = SubElement(parent, "figure", {"class": "pair"})
    for content, name in pictures:
        data = base64.b64encode(content).decode()
        cell = SubElement(figure, "div")
        text = xml_text(name)
        SubElement(cell, "img", {"src": f"data:image/jpeg;base64,{data}", "alt": text})
        SubElement(cell, "span").text = text
    SubElement(figure, "figcaption").text = xml_text(caption)


def add_list(parent: Element, title: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Add a list of names with what is said of each, below its title; nothing for no names."""
    if not pairs:
        return
    SubElement(parent, "h2").text = title
    listed = SubElement(parent, "ul")
    for name, text in pairs:
        code = SubElement(SubElement(listed, "li"), "code")
        code.text = xml_text(name)
        code.tail = xml_text(f": {text}")


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


def _add_script(root: Element, script: str) -> None:
    """Add the one script that may run: it has the hash that the page's policy names."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    _extend_policy(root, f"; script-src 'sha256-{digest}'")
    SubElement(root[-1], "script").text = script


def _extend_policy(root: Element, more: str) -> None:
    policy = root.find(f".//meta[@http-equiv='{POLICY_NAME}']")
    if policy is not None:
        policy.set("content", f"{policy.get('content')}{more}")
