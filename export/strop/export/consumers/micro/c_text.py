"""Writes bytes, numbers and text as C++ has them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BYTES_PER_LINE = 16


def c_bytes(content: bytes) -> str:
    """Write bytes as the inside of an array, in hex, 16 to a line."""
    return "\n".join(_lines(content))


def _lines(content: bytes) -> Iterator[str]:
    for at in range(0, len(content), BYTES_PER_LINE):
        part = content[at : at + BYTES_PER_LINE].hex(" ")
        yield "    " + ", ".join(f"0x{pair}" for pair in part.split()) + ","


def c_string(text: str) -> str:
    """Write text as a string literal in UTF-8, which nothing in it can end.

    Octal escapes have at most three digits, so that the next character is not read as one more.
    """
    return '"' + "".join(map(_escaped, text.encode())) + '"'


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and chr(byte) not in '"\\?'  # ?? begins a trigraph
    return chr(byte) if is_plain else f"\\{byte:03o}"


def c_float(value: float) -> str:
    """Write a number as a float literal that is the same float32 again."""
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return f"{text}f"
