"""Damages pickles by their instructions: other ones, in another order, with other arguments."""

from __future__ import annotations

import pickletools
import struct

import numpy as np
from tests.fuzz.damage import damaged, edge, one_of

WRITES = "open('canary-written', 'w')"
# Each is a whole program or a part of one; Source: CPython, Lib/pickletools.py.
PIECES = (
    b"cbuiltins\neval\n(X" + struct.pack("<I", len(WRITES)) + WRITES.encode() + b"tR",
    b"cposix\nsystem\n(X\x14\x00\x00\x00touch canary-writtentR",
    b"cos\nsystem\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nload\n",
    b"c__builtin__\nexec\n",
    b"\x80\x04",
    b"\x80\xff",
    b"(" * 5000,
    b"}" * 1000 + b"(" * 10 + b"u",
    b"]" * 2 + b"a",
    b"\x85" * 100_000,
    b"\x8b\xff\xff\xff\x7f",
    b"\x8a\xff" + b"\xff" * 255,
    b"X\xff\xff\xff\xff",
    b"\x8d" + b"\xff" * 8,
    b"B\x00\x00\x00\x7f",
    b"j\xff\xff\xff\xff",
    b"r\xff\xff\xff\xff",
    b"0" * 20,
    b"2" * 1000 + b"t",
    b"I" + b"9" * 5000 + b"\n",
    b"F1e400\n",
    b"Q",
    b"R",
    b"b",
    b"\x81",
    b"\x93",
    b"\x97",
    b"P../canary/kept\n",
    b"i" + b"os\nsystem\n",
)


def damaged_pickle(random: np.random.Generator, content: bytes) -> bytes:
    """The pickle with instructions inserted, dropped, exchanged or given other numbers."""
    if random.random() < 0.15:
        return damaged(random, content)
    data = content
    for _ in range(1 + int(random.integers(3))):
        data = _edited(random, data)
    return data


def _edited(random: np.random.Generator, data: bytes) -> bytes:
    starts = _starts(data)
    if len(starts) < 3:
        return damaged(random, data)
    at = int(random.integers(len(starts) - 1))
    start, end = starts[at], starts[at + 1]
    choice = int(random.integers(6))
    if choice == 0:
        return data[:start] + data[end:]
    if choice == 1:
        return data[:start] + one_of(random, PIECES) + data[start:]
    if choice == 2:
        return data[:start] + data[start:end] * one_of(random, (2, 2, 3, 10_000)) + data[end:]
    if choice == 3:
        other = int(random.integers(len(starts) - 1))
        return data[:start] + data[starts[other] : starts[other + 1]] + data[end:]
    if choice == 4:
        return data[:start] + _integer(edge(random)) + data[end:]
    return data[:start] + bytes([int(random.integers(256))]) + data[start + 1 :]


def _starts(data: bytes) -> list[int]:
    """Where each instruction begins, as far as the pickle can be read."""
    found = []
    try:
        for _, _, at in pickletools.genops(data):
            found.append(at or 0)
    except (ValueError, KeyError, IndexError, UnicodeDecodeError, struct.error):
        pass
    return found


def _integer(value: int) -> bytes:
    encoded = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + encoded
