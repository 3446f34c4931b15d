"""Damages protobuf messages in their wire format, without a schema.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np
from tests.fuzz.damage import damaged, edge, hostile_text, one_of

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED = {FIXED64: 8, FIXED32: 4}
MAX_DEPTH = 24
MASK = (1 << 64) - 1
MAX_WIRE_BYTES = 4 << 20


@dataclass(slots=True)
class Field:
    """One field.

    Attributes:
        number: Of the field.
        kind: Its wire type.
        value: A varint's number, the bytes of others, or the fields of a message.
    """

    number: int
    kind: int
    value: Value


Value = Union[int, bytes, list[Field]]  # noqa: UP007  # evaluated, on Python 3.10


def parse(data: bytes, depth: int = 0) -> list[Field] | None:
    """Fields of a message; None where the bytes are none."""
    fields: list[Field] = []
    at = 0
    while at < len(data):
        found = _field(data, at, depth)
        if found is None:
            return None
        one, at = found
        fields.append(one)
    return fields


def serialize(fields: list[Field]) -> bytes:
    """The message's bytes."""
    out = bytearray()
    for each in fields:
        out += varint(each.number << 3 | each.kind)
        value = serialize(each.value) if isinstance(each.value, list) else each.value
        if isinstance(value, int):
            out += varint(value)
        else:
            out += varint(len(value)) + value if each.kind == BYTES else value
    return bytes(out)


def varint(value: int) -> bytes:
    """A number of up to 64 bits, as protobuf writes it."""
    value &= MASK
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def damaged_message(random: np.random.Generator, content: bytes) -> bytes:
    """The message with fields dropped, repeated, exchanged, or with other values."""
    fields = parse(content)
    if not fields:
        return damaged(random, content)
    for _ in range(1 + int(random.integers(4) * random.random())):
        _edit(random, fields)
    data = serialize(fields)[:MAX_WIRE_BYTES]
    return data if random.random() < 0.85 else damaged(random, data, most=3)


def _edit(random: np.random.Generator, fields: list[Field]) -> None:
    level = _somewhere(random, fields)
    at = int(random.integers(len(level)))
    kind = int(random.integers(8))
    if kind == 0 and len(level) > 1:
        del level[at]
    elif kind == 1:
        level[at:at] = [level[at]] * one_of(random, (1, 1, 2, 50))
    elif kind == 2:
        level[at] = one_of(random, level)
    elif kind == 3:
        level[at] = Field(one_of(random, (0, 1, 2, 5, 20, 1000)), level[at].kind, level[at].value)
    elif kind == 4:
        level[at] = _nested(level[at], one_of(random, (2, 50, 150)))
    else:
        level[at] = Field(level[at].number, level[at].kind, _other_value(random, level[at]))


def _nested(one: Field, times: int) -> Field:
    """The field within itself: deeper than any reader's stack, or only deeper than it was."""
    if isinstance(one.value, int) or one.kind in FIXED:
        return one
    content = serialize([one])
    for _ in range(times):
        content = varint(one.number << 3 | BYTES) + varint(len(content)) + content
    return Field(one.number, BYTES, content)


def _other_value(random: np.random.Generator, one: Field) -> Value:
    if isinstance(one.value, int):
        return edge(random)
    if one.kind in FIXED:
        return random.bytes(FIXED[one.kind])
    content = serialize(one.value) if isinstance(one.value, list) else one.value
    kind = int(random.integers(5))
    if kind == 0:
        return hostile_text(random).encode("utf-8", "surrogatepass")
    if kind == 1:
        return b""
    if kind == 2:  # packed numbers, of dimensions among others
        return b"".join(varint(edge(random)) for _ in range(int(random.integers(1, 6))))
    return damaged(random, content, most=3)


def _somewhere(random: np.random.Generator, fields: list[Field]) -> list[Field]:
    """A message within the message; each level is as likely to be the one as to be passed."""
    inner = [each.value for each in fields if isinstance(each.value, list) and each.value]
    if not inner or random.random() < 0.15:
        return fields
    return _somewhere(random, one_of(random, inner))


def _field(data: bytes, at: int, depth: int) -> tuple[Field, int] | None:
    tag = _read_varint(data, at)
    if tag is None or tag[0] >> 3 == 0:
        return None
    (key, at), kind = tag, tag[0] & 7
    if kind == VARINT:
        read = _read_varint(data, at)
        return None if read is None else (Field(key >> 3, kind, read[0]), read[1])
    size = FIXED.get(kind)
    if kind == BYTES:
        read = _read_varint(data, at)
        if read is None:
            return None
        size, at = read
    if size is None or at + size > len(data):
        return None
    content = data[at : at + size]
    value: Value = content
    if kind == BYTES and depth < MAX_DEPTH and size > 1:
        value = parse(content, depth + 1) or content
    return Field(key >> 3, kind, value), at + size


def _read_varint(data: bytes, at: int) -> tuple[int, int] | None:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return None
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value & MASK, at
    return None
