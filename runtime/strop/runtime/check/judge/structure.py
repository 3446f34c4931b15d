"""What an artifact consists of, as its engine runs it: exact, and the same every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from strop.runtime.engines.engine import Engine
from strop.runtime.engines.operation import Operation


@runtime_checkable
class TellsOperations(Protocol):
    """An engine that can say what it runs."""

    def operations(self) -> tuple[Operation, ...] | None:
        """One by one; None where it cannot say it of this artifact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpCount:
    """How often an operation occurs.

    Attributes:
        kind: The engine's name of it.
        count: >= 1.
    """

    kind: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Structure:
    """Operations counted, the most frequent first.

    Attributes:
        ops: All.
        float_ops: Those that compute in float.
        undelegated: Those outside of every delegate partition; None where there are no
            delegates.
        macs: Multiplications with an addition in one inference; None where it is not told.
    """

    ops: tuple[OpCount, ...]
    float_ops: tuple[OpCount, ...]
    undelegated: tuple[OpCount, ...] | None
    macs: int | None


def structure(engine: Engine) -> Structure | None:
    """What the engine runs; None where it does not tell."""
    found = engine.operations() if isinstance(engine, TellsOperations) else None
    if found is None:
        return None
    macs = [op.macs for op in found]
    has_delegates = all(op.is_delegated is not None for op in found)
    return Structure(
        ops=_counted(op.kind for op in found),
        float_ops=_counted(op.kind for op in found if op.is_float),
        undelegated=_counted(op.kind for op in found if not op.is_delegated)
        if has_delegates
        else None,
        macs=None if None in macs else sum(each or 0 for each in macs),
    )


def _counted(kinds: Iterable[str]) -> tuple[OpCount, ...]:
    return tuple(OpCount(kind=kind, count=n) for kind, n in Counter(kinds).most_common())
