"""What a browser finds in a page, and where the marks of a chart are in Vega's SVG."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SVG = "{http://www.w3.org/2000/svg}"
PLACE = re.compile(r"translate\(([-\d.e]+),([-\d.e]+)\)")


class Page(HTMLParser):
    """What a browser would see: every start tag, and every text with the tag that it is in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[str, str]] = []  # type and text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            kind, before = self.scripts.pop()
            self.scripts.append((kind, before + data))
        else:
            self.texts.append(data)

    @property
    def policy(self) -> str:
        """What the page may load and run."""
        (found,) = (each["content"] for _, each in self.tags if "http-equiv" in each)
        return found or ""

    @property
    def programs(self) -> list[str]:
        """Scripts that a browser runs."""
        return [text for kind, text in self.scripts if kind != "application/json"]

    @property
    def charts(self) -> list[dict[str, Any]]:
        """Vega-Lite's specs in it."""
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def without_programs(page: str) -> str:
    """The page but for the script with Vega in it."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def parsed(svg: str) -> Element:
    """The elements of an SVG file, without their namespace."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
    return root


def marks(root: Element, kind: str, role: str = "role-mark") -> list[Element]:
    """The drawn elements of all marks of a kind: symbol, line, rule, text or rect."""
    groups = root.iter("g")
    wanted = [g for g in groups if {f"mark-{kind}", role} <= set(g.get("class", "").split())]
    return [element for group in wanted for element in group]


def place(element: Element) -> tuple[float, float]:
    """Where a symbol, text or rule is, in its plot."""
    found = PLACE.match(element.get("transform", ""))
    assert found is not None
    return float(found[1]), float(found[2])


def labels(root: Element) -> dict[str, tuple[float, float]]:
    """Where the labels of the axes are."""
    return {text.text or "": place(text) for text in marks(root, "text", "role-axis-label")}
