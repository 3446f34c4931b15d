"""Names a model's outputs, and chooses some of them."""

from __future__ import annotations

from collections.abc import Sequence

from strop.runtime.errors import SourceError

MAX_LISTED = 12  # names in an error


def chosen_outputs(names: Sequence[str], wanted: Sequence[str], *, where: str) -> tuple[int, ...]:
    """Return the places of the outputs that are wanted, in the model's own order.

    Args:
        names: Of all outputs.
        wanted: Names; none for all outputs.
        where: Named in the error.

    Raises:
        SourceError: The model has no output of such a name, or none at all.
    """
    listed = ", ".join(names[:MAX_LISTED]) + (", ..." if len(names) > MAX_LISTED else "")
    if not names:
        raise SourceError(f"{where}: no output; needed is a model that returns scores")
    for name in wanted:
        if name not in names:
            raise SourceError(f"{where}: no output is called {name!r}; it has {listed}")
    return tuple(at for at, name in enumerate(names) if not wanted or name in wanted)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number what stands twice: a, a, b become a, a_1, b."""
    found: list[str] = []
    for name in names:
        made, count = name, 0
        while made in found:
            count += 1
            made = f"{name}_{count}"
        found.append(made)
    return tuple(found)
