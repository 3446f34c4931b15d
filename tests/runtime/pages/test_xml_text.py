"""Names of strangers in pages: what XML cannot hold or no reader sees is written out."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from strop.runtime.pages.xml_text import xml_text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Übersee\n<b>&", "Übersee\n<b>&"),
        ("a\x00\x1b[2J", "a\\x00\\x1b[2J"),
        ("invoice\u202egnp.exe", "invoice\\u202egnp.exe"),
        ("a\u2066b\u2069\u200f\u2028", "a\\u2066b\\u2069\\u200f\\u2028"),
        ("\udcff\x9b31m\ufeff", "\\udcff\\x9b31m\\ufeff"),
        ("日本語 👩\u200d🔬 e\u0301", "日本語 👩\u200d🔬 e\u0301"),
    ],
)
def test_a_text_is_what_a_reader_sees(text: str, written: str) -> None:
    assert xml_text(text) == written
    element = ElementTree.Element("p")
    element.text = xml_text(text)
    assert ElementTree.fromstring(ElementTree.tostring(element)).text == written
