"""Converts parsed JSON to the frozen dataclasses that it was written from, and back."""

from __future__ import annotations

import json
import os
import sys
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache

from strop.runtime.errors import MeasurementError, StropError

MAX_NAMES, MAX_NAME = 8, 40  # fields in an error, and the characters of each
OR_NONE = " | None"
PLAIN = (str, int, float, bool)

Value = typing.TypeVar("Value")


def read_typed(
    value: object,
    kind: type[Value],
    *,
    at: str,
    error: type[StropError] = MeasurementError,
    remedy: str = "measure again",
) -> Value:
    """Convert `value`, as parsed from JSON, to the annotated type `kind`.

    Args:
        value: Of whatever type; it may come from a stranger.
        kind: A dataclass, tuple[X, ...], tuple[X, Y], Mapping[str, X], str, int, float, bool,
            an Enum, or a Path, which is relative and leads nowhere above its folder; fields of
            a dataclass may be "X | None" too, or several of the plain types.
        at: Names the value in the error.
        error: What is raised.
        remedy: What to do, the end of the error.

    Raises:
        StropError: As `error` says: another type, or an object with other fields than the
            dataclass.
    """
    try:
        found: Value = _read(value, kind, at)
    except _MisfitError as err:
        raise error(f"{err}; {remedy}") from err
    except StropError as err:  # of the dataclass itself, and it says what to do
        raise error(str(err)) from err
    return found


def fields_of(record: object) -> dict[str, object]:
    """List the fields of a dataclass by name; `json` calls it for what it does not know."""
    from dataclasses import fields, is_dataclass  # only here: reading does without

    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"a {type(record).__name__}, needed is a dataclass")
    return {field.name: getattr(record, field.name) for field in fields(record)}


@cache
def annotations_of(kind: type) -> dict[str, typing.Any]:
    """Find the annotation of each field of a dataclass, a type or its text, as it was written."""
    found: dict[str, typing.Any] = {}
    for each in reversed(kind.__mro__):
        found |= getattr(each, "__annotations__", {})
    return found


@cache
def field_types(kind: type) -> dict[str, typing.Any]:
    """Find the annotated type of each field of a dataclass.

    A module that imports the types of rare fields only when they are needed has a function
    `late_types`, which returns them by name.
    """
    found = annotations_of(kind)
    if any(isinstance(each, str) for each in found.values()):
        late = getattr(sys.modules[kind.__module__], "late_types", None)
        found = typing.get_type_hints(kind, localns=None if late is None else late())
    return found


class _MisfitError(ValueError):
    """A value that is not of its type."""


def _read(value: object, kind: typing.Any, at: str) -> typing.Any:
    if kind in PLAIN:
        return _read_plain(value, kind, at)
    if isinstance(kind, types.UnionType):
        return None if value is None else _read(value, _member(kind, value), at)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _read_enum(value, kind, at)
    if isinstance(kind, type) and issubclass(kind, os.PathLike):
        return _read_path(value, at)
    read = _CONTAINERS.get(typing.get_origin(kind))
    if read is not None:
        return read(value, typing.get_args(kind), at)
    return _read_dataclass(value, kind, at)


def _member(union: types.UnionType, value: object) -> typing.Any:
    """Choose the X of "X | None", or of several plain types the one that the value has."""
    kinds = typing.get_args(union)
    return type(value) if type(value) in kinds else kinds[0]


def _read_plain(value: object, kind: type, at: str) -> object:
    # Not isinstance: JSON's true is an int to Python.
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise _mismatch(value, kind.__name__, at)


def _read_dataclass(value: object, kind: typing.Any, at: str) -> object:
    if not isinstance(value, dict):
        raise _mismatch(value, "an object", at)
    expected = annotations_of(kind)
    if value.keys() != expected.keys():
        wrong = sorted(value.keys() ^ expected.keys())
        named = ", ".join(name[:MAX_NAME] for name in wrong[:MAX_NAMES])
        raise _MisfitError(f"{at}: lacks or adds {named}")
    values = {name: _read_field(value[name], kind, name, f"{at}: {name}") for name in expected}
    try:
        return kind(**values)
    except StropError as err:
        raise StropError(f"{at}: {err}") from err


def _read_field(value: object, kind: typing.Any, name: str, at: str) -> object:
    hint = annotations_of(kind)[name]
    if isinstance(hint, str):
        if value is None and hint.endswith(OR_NONE):
            return None  # without a type that may have to be imported
        hint = field_types(kind)[name]
    return _read(value, hint, at)


def _read_tuple(value: object, kinds: tuple[typing.Any, ...], at: str) -> object:
    if not isinstance(value, list):
        raise _mismatch(value, "a list", at)
    first = kinds[0]
    if kinds[1:] != (...,):
        if len(value) != len(kinds):
            raise _mismatch(value, f"a list of {len(kinds)}", at)
    elif first in PLAIN and set(map(type, value)) <= {first}:
        return tuple(value)  # millions of samples
    else:
        kinds = (first,) * len(value)
    items = enumerate(zip(value, kinds, strict=True))
    return tuple(_read(item, kind, f"{at}[{i}]") for i, (item, kind) in items)


def _read_mapping(value: object, kinds: tuple[typing.Any, ...], at: str) -> object:
    if not isinstance(value, dict):
        raise _mismatch(value, "an object", at)
    return {key: _read(item, kinds[1], f"{at}: {key[:MAX_NAME]}") for key, item in value.items()}


_CONTAINERS: dict[object, Callable[[object, tuple[typing.Any, ...], str], object]] = {
    tuple: _read_tuple,
    Mapping: _read_mapping,
}


def _read_path(value: object, at: str) -> os.PathLike[str]:
    from pathlib import Path, PurePosixPath  # only here: opening an artifact does without

    path = PurePosixPath(value if isinstance(value, str) else "/")
    if path.is_absolute() or ".." in path.parts:
        raise _mismatch(value, "a path below the folder", at)
    return Path(path)


def _read_enum(value: object, kind: type[Enum], at: str) -> object:
    try:
        return kind(value)
    except ValueError as err:
        values = ", ".join(str(each.value) for each in kind)
        raise _mismatch(value, f"one of {values}", at) from err


def _mismatch(value: object, needed: str, at: str) -> _MisfitError:
    return _MisfitError(f"{at} is {json.dumps(value)[:80]}, needed is {needed}")
