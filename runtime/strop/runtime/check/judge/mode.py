"""How a check compares: with a file in turn, with stored numbers, or with absolute limits."""

from __future__ import annotations

from enum import Enum


class Mode(str, Enum):
    """The modes of `strop check`."""

    PAIRED = "paired"
    PAIRED_SERIAL = "paired-serial"
    STORED = "stored"
    BUDGET = "budget"
