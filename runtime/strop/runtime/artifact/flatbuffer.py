"""Reads tables of a flatbuffer by the places of their fields, and trusts no offset.

Where an offset leads out of the content, `struct.error` or IndexError is raised; no loop is
longer than the content. Tables are named by where they begin.

Source: https://flatbuffers.dev/internals/ (tables, vtables, vectors, strings).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import TypeAlias

Content: TypeAlias = bytes | mmap.mmap

_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")


def root(content: Content) -> int:
    """Find the root table."""
    return int(_U32.unpack_from(content, 0)[0])


def field(content: Content, table: int, place: int, *, is_inline: bool = False) -> int:
    """Find a field's table, vector or (inline) value; 0 where the table has none."""
    vtable = table - _I32.unpack_from(content, table)[0]
    entry = 4 + 2 * place
    if vtable < 0 or entry >= _U16.unpack_from(content, vtable)[0]:
        return 0
    offset = _U16.unpack_from(content, vtable + entry)[0]
    if not offset:
        return 0
    at = table + int(offset)
    return at if is_inline else at + int(_U32.unpack_from(content, at)[0])


def length(content: Content, vector: int) -> int:
    """Read how many entries a vector has."""
    count = int(_U32.unpack_from(content, vector)[0])
    if count > len(content):
        raise struct.error
    return count


def tables(content: Content, vector: int) -> Iterator[int]:
    """Find the tables in a vector of tables; none where the vector is 0."""
    for at in range(vector + 4, vector + 4 + 4 * length(content, vector), 4) if vector else ():
        yield at + _U32.unpack_from(content, at)[0]


def byte(content: Content, table: int, place: int) -> int:
    """Read a field of one byte; 0 where the table has none."""
    at = field(content, table, place, is_inline=True)
    return content[at] if at else 0


def number(content: Content, table: int, place: int) -> int:
    """Read a field of type uint; 0 where the table has none."""
    at = field(content, table, place, is_inline=True)
    return int(_U32.unpack_from(content, at)[0]) if at else 0


def data(content: Content, table: int, place: int) -> bytes:
    """Read a vector of bytes or a string; empty where the table has none."""
    at = field(content, table, place)
    if not at:
        return b""
    end = at + 4 + length(content, at)
    if end > len(content):
        raise struct.error
    return content[at + 4 : end]


def floats(content: Content, table: int, place: int) -> tuple[float, ...]:
    """Read a vector of floats; empty where the table has none."""
    at = field(content, table, place)
    return struct.unpack_from(f"<{length(content, at)}f", content, at + 4) if at else ()
