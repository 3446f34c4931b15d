"""Reads the numbers and lists of flags; refuses others by saying what is needed."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from strop.runtime.units import PERCENT

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    return _whole(text, least=1)


def count(text: str) -> int:
    """A whole number, 0 or more."""
    return _whole(text, least=0)


def seconds(text: str) -> float:
    """A duration, 0 or more."""
    return fitting(text, lambda value: 0 <= value < math.inf, "a number of seconds, 0 or more")


def load_seconds(text: str) -> float:
    """A duration above 0, of a flag that may stand without one."""
    needed = "a number of seconds above 0; without one, the flag stands last"
    return fitting(text, lambda value: 0 < value < math.inf, needed)


def percent(text: str) -> float:
    """The share that a number of percent below 100 is: 0.05 for 5."""
    return fitting(text, lambda value: 0 <= value < PERCENT, "0 to below 100 percent") / PERCENT


def share(text: str) -> float:
    """A share, above 0."""
    return fitting(text, lambda value: 0 < value <= 1, "a share above 0, to 1, like 0.70")


def numbers(text: str) -> tuple[float, ...]:
    """One number or several, with commas between."""
    try:
        return commas(text, float)
    except ValueError as err:
        raise argparse.ArgumentTypeError(
            f"{text!r}: needed is one number, or several with commas between, like 123.7,116.3"
        ) from err


def names(kind: type[E]) -> Callable[[str], tuple[E, ...]]:
    """Reads one name or several of an enumeration, with commas between; each counts once."""

    def read(text: str) -> tuple[E, ...]:
        try:
            return tuple(dict.fromkeys(commas(text, kind)))
        except ValueError as err:
            listed = ", ".join(str(name.value) for name in kind)
            raise argparse.ArgumentTypeError(
                f"{text!r}: needed is one or more of {listed}, with commas between"
            ) from err

    return read


def commas(text: str, read: Callable[[str], T]) -> tuple[T, ...]:
    """Each part between commas as `read` reads it; the one form of lists on the command line."""
    return tuple(read(part) for part in text.split(","))


def fitting(text: str, fits: Callable[[float], bool], needed: str) -> float:
    """A number that fits.

    Raises:
        argparse.ArgumentTypeError: It does not, or is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r}: needed is {needed}")
    return value


def _whole(text: str, *, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r}: needed is a whole number, {least} or more")
    return int(text)
