"""Any text, such as a stranger's file name, as text that XML and HTML can hold."""

from __future__ import annotations

import re

# XML 1.0, production 2; what is not a Char may not appear even escaped.
NO_CHAR = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    r"""The text, with what XML cannot hold written as in Python: "\x00", "\udcff"."""
    return NO_CHAR.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)
