"""Describes one operation of an artifact, as the engine that has opened it runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What is done once in every inference.

    Attributes:
        kind: The engine's name of it: "CONV_2D", "QLinearConv".
        is_float: Whether it computes in float; what makes floats of codes does not.
        is_delegated: Whether a delegate runs it; None where there are none, or the engine
            does not tell.
        macs: Multiplications with an addition; 0 for what has no weights, None where the
            shapes are not told.
    """

    kind: str
    is_float: bool
    is_delegated: bool | None
    macs: int | None
