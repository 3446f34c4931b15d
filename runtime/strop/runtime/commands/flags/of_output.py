"""Reads flags whose value may be for one of several outputs: NAME=VALUE."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from strop.runtime.errors import ContractError

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


def add_by_output(
    group: argparse._ActionsContainer, flag: str, read: Callable[[str], T], value: str, text: str
) -> None:
    """Add a flag that may be given once for each output.

    Args:
        group: Where to.
        flag: With its dashes.
        read: Makes the value of its text.
        value: What the help calls the value.
        text: The help.
    """
    group.add_argument(
        flag, type=of_output(read), action="append", metavar=f"[NAME=]{value}", help=text
    )


def by_output(flag: str, given: Sequence[OfOutput[T]] | None) -> dict[str, T]:
    """Return the values of a flag by output; "" for one that names none.

    Raises:
        ContractError: Two are for the same.
    """
    found: dict[str, T] = {}
    for each in given or ():
        if each.output in found:
            which = f"for output {each.output}" if each.output else "without an output's name"
            raise ContractError(f"{flag}: given twice {which}; leave one out")
        found[each.output] = each.value
    return found
