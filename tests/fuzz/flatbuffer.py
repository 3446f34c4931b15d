"""Damages a flatbuffer where its structure is: offsets, lengths, vtables and scalars.

The tables are found without a schema: a field that leads to something that looks like a table
or a vector is followed. What is found by mistake is damaged as well as anything else.

Source: https://flatbuffers.dev/internals ("Tables", "Vectors").
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from tests.fuzz.damage import REALS, damaged, edge, one_of, write_word

MAX_PLACES = 20_000
MAX_VECTOR = 1 << 16
MAX_DEPTH = 12


@dataclass(slots=True)
class Places:
    """Positions in the file, by what is there.

    Attributes:
        offsets: Of uoffsets: root, fields and elements of vectors.
        lengths: Of vectors.
        vtables: Of the 16-bit entries of vtables, sizes included.
        tables: Of tables' signed offsets to their vtables.
        scalars: Of fields that lead nowhere.
    """

    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    vtables: list[int] = field(default_factory=list)
    tables: list[int] = field(default_factory=list)
    scalars: list[int] = field(default_factory=list)


def places(data: bytes) -> Places:
    """Where the structure of a flatbuffer is, as far as it can be followed."""
    found = Places(offsets=[0])
    waiting = [(_target(data, 0), 0)]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_PLACES:
        at, depth = waiting.pop()
        if at in seen or depth > MAX_DEPTH:
            continue
        seen.add(at)
        inner = _table(data, at, found) if _is_table(data, at) else _vector(data, at, found)
        waiting += [(each, depth + 1) for each in inner]
    return found


def damaged_flatbuffer(random: np.random.Generator, content: bytes) -> bytes:
    """The flatbuffer with a few of its structure's numbers changed."""
    found = places(content)
    data = bytearray(content)
    for _ in range(1 + int(random.integers(4) * random.random())):
        one_of(random, (_move_offset, _change_length, _change_vtable, _change_scalar))(
            random, data, found
        )
    return bytes(data) if random.random() < 0.9 else damaged(random, bytes(data), most=3)


def _move_offset(random: np.random.Generator, data: bytearray, found: Places) -> None:
    at = one_of(random, found.offsets)
    near = int.from_bytes(data[at : at + 4], "little") + 4 * int(random.integers(-64, 65))
    # Another place of the structure: a table read as another kind of table.
    else_where = one_of(random, found.tables or [0]) - at
    write_word(data, at, one_of(random, (near, near, else_where, else_where, edge(random))), 4)


def _change_length(random: np.random.Generator, data: bytearray, found: Places) -> None:
    at = one_of(random, found.lengths or [0])
    length = int.from_bytes(data[at : at + 4], "little")
    nearby = (0, length + 1, max(0, length - 1), 2 * length, length + 1000)
    write_word(data, at, one_of(random, (*nearby, edge(random))), 4)


def _change_vtable(random: np.random.Generator, data: bytearray, found: Places) -> None:
    if random.random() < 0.2:
        write_word(data, one_of(random, found.tables or [0]), edge(random), 4)
        return
    at = one_of(random, found.vtables or [0])
    write_word(data, at, one_of(random, (0, 4, 6, 8, 12, 16, 40, edge(random))), 2)


def _change_scalar(random: np.random.Generator, data: bytearray, found: Places) -> None:
    at = one_of(random, found.scalars or [0])
    if random.random() < 0.3:
        real = np.float32(np.clip(one_of(random, REALS), -3.4e38, 3.4e38))
        data[at : at + 4] = struct.pack("<f", real)
    else:
        write_word(data, at, edge(random), one_of(random, (1, 4, 4, 8)))


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little") if 0 <= at <= len(data) - 4 else 0


def _target(data: bytes, at: int) -> int:
    return at + _word(data, at)


def _vtable(data: bytes, table: int) -> int:
    return table - int.from_bytes(data[table : table + 4], "little", signed=True)


def _is_table(data: bytes, at: int) -> bool:
    if not 0 <= at <= len(data) - 4:
        return False
    vtable = _vtable(data, at)
    if vtable == at or not 0 <= vtable <= len(data) - 4:
        return False
    size, table_size = struct.unpack_from("<HH", data, vtable)
    fits = vtable + size <= len(data) and at + table_size <= len(data)
    return bool(4 <= size <= 200 and size % 2 == 0 and 4 <= table_size <= 1000 and fits)


def _table(data: bytes, at: int, found: Places) -> list[int]:
    vtable = _vtable(data, at)
    size, table_size = struct.unpack_from("<HH", data, vtable)
    found.tables.append(at)
    entries = range(vtable, vtable + size, 2)
    found.vtables.extend(entries)
    fields = {struct.unpack_from("<H", data, entry)[0] for entry in entries[2:]}
    return _leads(data, [at + each for each in fields if 0 < each <= table_size - 4], found)


def _vector(data: bytes, at: int, found: Places) -> list[int]:
    length = _word(data, at)
    if not 0 < length <= MAX_VECTOR or at + 4 + length > len(data):
        return []
    found.lengths.append(at)
    elements = [at + 4 + 4 * i for i in range(min(length, 64)) if at + 8 + 4 * i <= len(data)]
    if not all(_is_table(data, _target(data, each)) for each in elements[:3]):
        found.scalars.extend(elements[:8])
        return []
    found.offsets.extend(elements)
    return [_target(data, each) for each in elements]


def _leads(data: bytes, fields: list[int], found: Places) -> list[int]:
    """Targets of those fields that look like offsets; the others are scalars."""
    targets = []
    for each in fields:
        target = _target(data, each)
        is_vector = 0 < _word(data, target) <= MAX_VECTOR and target < len(data) - 4
        if each % 4 == 0 and target != each and (_is_table(data, target) or is_vector):
            found.offsets.append(each)
            targets.append(target)
        else:
            found.scalars.append(each)
    return targets
