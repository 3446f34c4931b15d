"""Damages zip archives: members, names, sizes, methods and the directory."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
from tests.fuzz.damage import damaged, edge, one_of, write_word

Members = Mapping[str, bytes]
NAMES = ("../canary/kept", "/tmp/canary-written", "a/../../b", "", "x" * 60_000, "\x1b[31m\n", "é")
METHODS = (0, 1, 8, 9, 12, 14, 93, 97, 99)  # stored, shrunk, deflated ... encrypted
ZEROS = 256 << 20  # bytes of a member that is nothing, compressed
SIGNATURES = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22}


def members_of(content: bytes) -> dict[str, bytes]:
    """Names and contents of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def archive_of(members: Members, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of members, the same bytes for the same ones."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def damaged_archive(
    random: np.random.Generator,
    content: bytes,
    damage: Callable[[np.random.Generator, str, bytes], bytes],
) -> bytes:
    """The archive with a member damaged, or its own structure.

    Args:
        random: Where the choices come from.
        content: The archive.
        damage: Damages a member, by its name.
    """
    kind = random.random()
    members = members_of(content)
    if kind < 0.65:
        name = one_of(random, tuple(members))
        members[name] = damage(random, name, members[name])
        return archive_of(members)
    if kind < 0.8:
        return _other_members(random, members)
    return _damaged_headers(random, content) if kind < 0.95 else damaged(random, content)


def bomb(members: Members, name: str) -> bytes:
    """The archive in which a member is a quarter of a gigabyte of zeros."""
    return archive_of({**members, name: bytes(ZEROS)}, compression=zipfile.ZIP_DEFLATED)


def _other_members(random: np.random.Generator, members: dict[str, bytes]) -> bytes:
    choice = int(random.integers(4))
    name = one_of(random, tuple(members))
    if choice == 0:
        del members[name]
    elif choice == 1:
        members[one_of(random, NAMES)] = members[name]
    elif choice == 2:
        members[name] = members[one_of(random, tuple(members))]
    elif random.random() < 0.1:
        return bomb(members, name)
    else:
        return archive_of(members, compression=one_of(random, (8, 12, 14)))
    return archive_of(members)


def _damaged_headers(random: np.random.Generator, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(1 + int(random.integers(3))):
        signature = one_of(random, tuple(SIGNATURES))
        at = _any_place(random, content, signature)
        if at is None:
            continue
        if signature == b"PK\x03\x04" and random.random() < 0.5:
            struct.pack_into("<H", data, at + 8, one_of(random, METHODS))
        elif signature == b"PK\x01\x02" and random.random() < 0.5:
            struct.pack_into("<H", data, at + 10, one_of(random, METHODS))
        else:
            place = at + 4 + int(random.integers(SIGNATURES[signature] - 8))
            write_word(data, place, edge(random), one_of(random, (1, 2, 4)))
    return bytes(data)


def _any_place(random: np.random.Generator, content: bytes, signature: bytes) -> int | None:
    found = []
    at = content.find(signature)
    while at >= 0:
        found.append(at)
        at = content.find(signature, at + 1)
    return one_of(random, found) if found else None
