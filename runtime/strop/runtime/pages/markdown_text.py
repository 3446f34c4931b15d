"""Writes text that means only itself in GitHub's and Hugging Face's Markdown, and tables of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from strop.runtime.pages.terminal_text import one_line

# Whatever means something to GitHub's Markdown or to HTML in the middle of a line.
MARKUP = re.compile(r"[\\`*_{}\[\]<>|&~#!:$@]")


def plain(text: str) -> str:
    """Escape everything that Markdown or HTML would take for more than text."""
    return MARKUP.sub(r"\\\g<0>", one_line(text))


def code(text: str) -> str:
    """Write a name in the letters of code."""
    # Not between backticks: a name may hold them, and GitHub's tables cut at "|" even there.
    return f"<code>{plain(text)}</code>"


def row(cells: Sequence[str]) -> str:
    """Write a row of a table; its cells are Markdown."""
    return f"| {' | '.join(cells)} |"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table of plain texts, a line each."""
    head = [row([plain(column) for column in columns]), row(["---"] * len(columns))]
    return [*head, *(row([plain(cell) for cell in cells]) for cells in rows)]
