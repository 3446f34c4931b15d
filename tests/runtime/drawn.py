"""Values of annotated types, drawn from a seed."""

from __future__ import annotations

import random
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from strop.runtime.errors import StropError
from strop.runtime.records.typed_json import field_types

TEXTS = ("", "a", "@9/x", "Übersee", "\x1b[2J", "\udcff", "a\nb", '"', "2026-01-31T12:00:00Z")
TRIES = 3000


def drawn(kind: Any, rng: random.Random, paths: Sequence[Path] = (Path("a.onnx"),)) -> Any:
    """A value of a type that `read_typed` reads; a dataclass is one that it allows itself.

    Args:
        kind: The type.
        rng: Draws.
        paths: For fields that are a path.
    """
    if is_dataclass(kind):
        return _allowed(kind, rng, paths)
    arguments = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        chosen = rng.choice(arguments)
        return None if chosen is types.NoneType else drawn(chosen, rng, paths)
    if typing.get_origin(kind) is tuple:
        kinds = arguments
        if arguments[1:] == (...,):
            # One that holds others of its own kind would go on without end.
            kinds = arguments[:1] * rng.randrange(2 if _holds_itself(arguments[0]) else 3)
        return tuple(drawn(each, rng, paths) for each in kinds)
    if typing.get_origin(kind) is Mapping:
        return {each: drawn(arguments[1], rng, paths) for each in rng.sample(TEXTS, 2)}
    if issubclass(kind, Enum):
        return rng.choice(list(kind))
    draws: dict[type, Any] = {
        bool: lambda: rng.random() < 0.5,
        int: lambda: rng.choice((0, 1, 2, 7, 2**63 - 1)),
        float: lambda: rng.choice((0.0, 0.05, 0.5, 2.0, 1e-320, 1e30)),
        str: lambda: rng.choice(TEXTS),
        Path: lambda: rng.choice(paths),
    }
    return draws[kind]()


def _holds_itself(kind: Any) -> bool:
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return False
    return any(kind in typing.get_args(each) for each in field_types(kind).values())


def _allowed(kind: Any, rng: random.Random, paths: Sequence[Path]) -> Any:
    for _ in range(TRIES):
        values = {name: drawn(each, rng, paths) for name, each in field_types(kind).items()}
        try:
            return kind(**values)
        except StropError:
            continue
    raise ValueError(f"no {kind.__name__} that it allows in {TRIES} draws")
