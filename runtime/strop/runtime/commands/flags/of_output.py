"""Reads flags whose value may be for one of several outputs: NAME=VALUE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class OfOutput(Generic[T]):
    """A value of a flag, and the output that it is for: "" where none is named."""

    output: str
    value: T


def of_output(read: Callable[[str], T]) -> Callable[[str], OfOutput[T]]:
    """Make the reader of such a flag; a file that is there may have "=" in its own name."""

    def value(text: str) -> OfOutput[T]:
        output, _, rest = text.rpartition("=")
        if output and read is Path and Path(text).exists():
            output, rest = "", text
        return OfOutput(output=output, value=read(rest))

    return value
