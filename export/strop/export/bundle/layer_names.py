"""Layers' own names, out of the paths by which the converters call them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SEPARATOR = "/"


def layer_names(paths: Iterable[str]) -> dict[str, str]:
    """Name each path by its last parts: as few as tell it from the others.

    "net_1/stem_1/conv_2/Add" is "conv_2/Add": a part without "_" is an operation's name or one
    of strop's, and is not shown without the layer that it belongs to.
    """
    known = set(paths)
    endings = Counter(ending for path in known for ending in _endings(path))
    return {
        path: next(each for each in _endings(path) if endings[each] == 1 or each == path)
        for path in known
    }


def _endings(path: str) -> list[str]:
    """What may name a path, the shortest first."""
    parts = path.split(SEPARATOR)
    found = [SEPARATOR.join(parts[at:]) for at in range(len(parts) - 1, 0, -1) if "_" in parts[at]]
    return [*found, path]
