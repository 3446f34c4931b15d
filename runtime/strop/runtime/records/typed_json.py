"""Parsed JSON as the frozen dataclasses that it was written from, or an error that says where."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum

from strop.runtime.errors import MeasurementError, StropError

MAX_NAMES, MAX_NAME = 8, 40  # fields in an error, and the characters of each


def read_typed(value: object, kind: typing.Any, *, at: str) -> object:
    """`value`, as parsed from JSON, as the annotated type `kind`.

    Args:
        value: Of whatever type; it may come from a stranger.
        kind: A dataclass, tuple[X, ...], "X | None", str, int, float, bool or an Enum.
        at: Names the value in the error.

    Raises:
        MeasurementError: Another type, or an object with other fields than the dataclass.
    """
    arguments = typing.get_args(kind)
    if is_dataclass(kind):
        return _read_dataclass(value, typing.cast("type", kind), at=at)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _mismatch(value, "a list", at=at)
        return tuple(
            read_typed(item, arguments[0], at=f"{at}[{i}]") for i, item in enumerate(value)
        )
    if isinstance(kind, types.UnionType):
        # Every union here is "X | None".
        return None if value is None else read_typed(value, arguments[0], at=at)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _read_enum(value, kind, at=at)
    # Not isinstance: JSON's true is an int to Python.
    if type(value) is not kind:
        raise _mismatch(value, kind.__name__, at=at)
    return value


def _read_dataclass(value: object, kind: type, *, at: str) -> object:
    if not isinstance(value, dict):
        raise _mismatch(value, "an object", at=at)
    hints = typing.get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    wrong = sorted(value.keys() ^ names)
    if wrong:
        named = ", ".join(name[:MAX_NAME] for name in wrong[:MAX_NAMES])
        raise MeasurementError(f"{at}: lacks or adds {named}; measure again")
    values = {name: read_typed(value[name], hints[name], at=f"{at}: {name}") for name in names}
    try:
        return kind(**values)
    except StropError as err:
        raise MeasurementError(f"{at}: {err}") from err


def _read_enum(value: object, kind: type[Enum], *, at: str) -> object:
    try:
        return kind(value)
    except ValueError as err:
        values = ", ".join(str(each.value) for each in kind)
        raise _mismatch(value, f"one of {values}", at=at) from err


def _mismatch(value: object, needed: str, *, at: str) -> MeasurementError:
    return MeasurementError(f"{at} is {json.dumps(value)[:80]}, needed is {needed}; measure again")
