"""Reads JSON from files, processes and boards within bounds; the only reader of it.

Python's own reader takes NaN, integers of any length, two fields of one name (the last
counts), and as deep a nesting as the stack holds; each of these ends later in an overflow, a
loop or a traceback.
"""

from __future__ import annotations

import json
from typing import TypeVar, cast

from strop.runtime.errors import StropError

MAX_BYTES = 256 << 20  # raw samples of 20 million inferences
MAX_DEPTH = 64  # lists and objects in each other; a record of strop's has ten
MAX_INTEGER = 2**63 - 1  # what NumPy and other languages count with
MAX_NUMBER = 1e30  # products of a few of these are still numbers
MAX_SAID = 200  # characters of the reason
CONTAINERS = (list, dict)

Value = TypeVar("Value")


def parse_json(text: str | bytes, *, where: str, error: type[StropError], remedy: str) -> object:
    """Parse JSON into plain Python values.

    Args:
        text: JSON; bytes are UTF-8.
        where: Named in the error, usually the file's path.
        error: What is raised.
        remedy: What is needed or to be done, the end of the error.

    Returns:
        None, booleans, integers of 64 bits, finite floats, texts, lists and dictionaries,
        at most MAX_DEPTH in each other.

    Raises:
        StropError: As `error` says: not JSON, or beyond these limits.
    """
    try:
        if len(text) > MAX_BYTES:
            raise ValueError(f"{len(text) >> 20} MiB, read are {MAX_BYTES >> 20} at most")
        found = _DECODER.decode(text.decode() if isinstance(text, bytes) else text)
        _require_shallow(found)
    except (ValueError, RecursionError, MemoryError) as err:
        reason = (str(err) or type(err).__name__)[:MAX_SAID]
        raise error(f"{where}: not JSON that can be read ({reason}); {remedy}") from err
    return found


def parse_object(
    text: str | bytes, *, where: str, error: type[StropError], remedy: str
) -> dict[str, object]:
    """Parse JSON as `parse_json` does, and refuse anything but an object.

    Raises:
        StropError: As `error` says: also where it is something else.
    """
    found = parse_json(text, where=where, error=error, remedy=remedy)
    if not isinstance(found, dict):
        kind = "null" if found is None else f"a {type(found).__name__}"
        raise error(f"{where}: {kind}, needed is an object; {remedy}")
    return found


def _integer(text: str) -> int:
    value = int(text) if len(text) <= len(str(-MAX_INTEGER)) else MAX_INTEGER + 1
    if abs(value) > MAX_INTEGER:
        raise ValueError(f"an integer of {len(text)} digits, more than 64 bits")
    return value


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) <= MAX_NUMBER:
        raise ValueError(f"the number {text[:40]}, beyond {MAX_NUMBER:g}")
    return value


def _constant(text: str) -> object:
    raise ValueError(f"{text}, which JSON does not have")


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("two fields of one name in an object")
    return found


def _require_shallow(value: object) -> None:
    level = [value] if type(value) in CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else cast("list[object]", each))
            if type(inner) in CONTAINERS
        ]
        if not level:
            return
    raise ValueError(f"nested more than {MAX_DEPTH} deep")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=_constant,
)
