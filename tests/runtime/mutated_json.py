"""Damages JSON as an enemy or a bad disk would, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

TOKEN = "@@here@@"
# In place of a value; text, for most are what no writer of JSON writes.
VALUES = (
    *("9" * 5000, "1e400", "-1e400", "1e30", "1e-320", "NaN", "-Infinity", "-1", "0", "1.5"),
    *("9223372036854775807", "-9223372036854775808", "9223372036854775808"),
    *("null", "true", "false", "[]", "{}", '""', "[null]", '{"a": 1, "a": 2}'),
    *('"\\udcff"', '"\\u001b[2J\\u202e"', '"a\\u0000b"', f'"{"x" * 5000}"', '"../../x"'),
    *("[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, "[" * 100_000),
)


def mutated_json(text: str, seed: int) -> bytes:
    """JSON, or hardly so, with one to three faults."""
    rng = random.Random(seed)
    content = text.encode()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice((_value, _value, _value, _shape, _shape, _bytes))(content, rng)
    return content


def _value(content: bytes, rng: random.Random) -> bytes:
    """Another value somewhere."""

    def put(inside: Any, key: Any) -> None:
        inside[key] = TOKEN

    new = rng.choice(VALUES).encode()
    return _changed(content, rng, put).replace(f'"{TOKEN}"'.encode(), new)


def _shape(content: bytes, rng: random.Random) -> bytes:
    """Something missing, twice, of another name, or of another length."""

    def put(inside: Any, key: Any) -> None:
        value = inside.pop(key)
        kind = rng.randrange(4)
        if isinstance(inside, list):
            inside[key:key] = [[], [value, value], [value] * 50, [[value]]][kind]
        elif kind == 1:
            inside[f"{key}x"] = value
        elif kind == 2 and isinstance(value, list):
            inside[key] = value[: len(value) // 2]
        elif kind == 3 and isinstance(value, list):
            inside[key] = value * 2

    return _changed(content, rng, put)


def _bytes(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content)) if content else 0
    new = rng.choice((b"", b"\xff", b"\0", b'"', b"9", b"e", b",", b"-", b"[[", b"\xed\xb3\xbf"))
    return content[:at] + new + content[at + rng.randrange(3) :]


def _changed(content: bytes, rng: random.Random, put: Callable[[Any, Any], None]) -> bytes:
    """With `put` done at a place that is drawn, as long as it is JSON."""
    try:
        whole = {"root": json.loads(content)}
    except (ValueError, RecursionError):
        return content
    inside: Any = whole
    key: Any = "root"
    while rng.random() < 0.8:
        below = inside[key]
        if not isinstance(below, (list, dict)) or not below:
            break
        inside, key = below, rng.choice(range(len(below)) if isinstance(below, list) else [*below])
    put(inside, key)
    return json.dumps(whole.get("root", [])).encode()
