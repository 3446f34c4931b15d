"""Escapes what a terminal would obey in any text, such as a stranger's file name."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Return the text, with each character escaped that a terminal does not show as it is.

    These are what Unicode counts as "other" (control characters, among them ESC and line
    breaks; format characters, among them those that turn the direction of writing; lone
    surrogates, which are the bytes of a file's name that are no UTF-8), line and paragraph
    separators, and spaces other than " ": "\x1b", "\u202e", "\udcff".
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
