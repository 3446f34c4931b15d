"""Escapes what XML and HTML cannot hold in any text, such as a stranger's file name."""

from __future__ import annotations

import re

# XML 1.0, production 2; what is not a Char may not appear even escaped. And what no reader
# sees: controls, marks that turn the direction of writing, line separators.
NO_CHAR = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def xml_text(text: str) -> str:
    r"""Return the text; what XML cannot hold or no reader sees is escaped: "\x00", "\u202e"."""
    return UNSEEN.sub(_escaped, NO_CHAR.sub(_escaped, text))


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
