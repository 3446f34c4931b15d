"""Damages JSON: other values, types, lengths and keys at any depth, and the text itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from tests.fuzz.damage import REALS, damaged, edge, hostile_text, one_of

# Stand in the tree for what json.dumps would not write.
LITERALS = {
    "@@digits@@": "9" * 5000,
    "@@infinite@@": "1e400",
    "@@tiny@@": "1e-400",
    "@@deep@@": "[" * 100_000 + "]" * 100_000,
    "@@deep_keys@@": '{"a":' * 50_000 + "0" + "}" * 50_000,
    "@@surrogate@@": '"\\ud800"',
    "@@negative_zero@@": "-0",
}


def damaged_json(random: np.random.Generator, text: str) -> bytes:
    """The text with a few changes to its tree, now and then to its bytes."""
    kind = random.random()
    if kind < 0.1:
        return damaged(random, text.encode("utf-8", "surrogatepass"))
    tree = json.loads(text)
    for _ in range(1 + int(random.integers(5) * random.random())):
        tree = changed(random, tree)
    content = to_text(tree).encode("utf-8", "surrogatepass")
    if kind < 0.15:
        return one_of(random, (b"\xff\xfe" + content, b"\xef\xbb\xbf" + content, content + b"\x00"))
    return content


def to_text(tree: Any) -> str:
    """JSON of a tree, with the stand-ins replaced."""
    text = json.dumps(tree)
    for name, literal in LITERALS.items():
        text = text.replace(f'"{name}"', literal)
    return text


def changed(random: np.random.Generator, tree: Any) -> Any:
    """A tree that differs at one place; the given one may be changed too."""
    place = _parent(random, tree)
    if place is None:
        return _other(random, tree)
    parent, key = place
    kind = int(random.integers(8))
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[one_of(random, (hostile_text(random), "__class__", "self", "x"))] = parent[key]
    elif kind == 1:
        parent[key:key] = [parent[key]] * one_of(random, (1, 2, 1000))
    elif kind == 2:  # another part of the same record: a type that is right elsewhere
        other = _parent(random, tree)
        parent[key] = deepcopy(other[0][other[1]]) if other else None
    else:
        parent[key] = _other(random, parent[key])
    return tree


def _other(random: np.random.Generator, value: Any) -> Any:
    """Another value: more often one of the same type, which no check of types finds."""
    if random.random() < 0.55:
        near = NEAR.get(type(value))
        if near is not None:
            return near(random, value)
    return one_of(
        random,
        (
            *(None, True, False, edge(random), 1.5, -1, 0, [], {}, [[]], {"": None}),
            *(one_of(random, REALS), hostile_text(random), 10**30, -(10**30)),
            *LITERALS,
        ),
    )


NEAR: dict[type, Callable[[np.random.Generator, Any], Any]] = {
    int: lambda random, value: one_of(random, (edge(random), value + 1, -value, value * 1000)),
    float: lambda random, value: one_of(random, (*REALS, -value, value * 1e9)),
    str: lambda random, value: one_of(random, (hostile_text(random), value[:-1], value * 2)),
    bool: lambda random, value: not value,
    list: lambda random, value: one_of(random, ([], value[:-1], value * 2, value[::-1])),
    dict: lambda random, value: dict(list(value.items())[:-1]),
}


def _parent(random: np.random.Generator, tree: Any) -> tuple[Any, Any] | None:
    """A container within the tree and a key in it; None where there is none."""
    found = None
    while isinstance(tree, (dict, list)) and tree:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = one_of(random, keys)
        found = tree, key
        if random.random() < 0.2:
            break
        tree = tree[key]
    return found
