"""Hands an error from one process to another as a record."""

from __future__ import annotations

from dataclasses import dataclass

from strop.runtime.errors import MeasurementError, StropError, TargetError

MAX_LINE = 4000  # characters
MAX_LINES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRecord:
    """What ended the work of a process.

    Attributes:
        kind: Name of its class.
        exit_code: With which the process ends.
        lines: As in StropError.
    """

    kind: str
    exit_code: int
    lines: tuple[str, ...]

    def error(self, where: str = "") -> StropError:
        """The error of that class, its first line behind `where` if that is given.

        What is none of this family is one for its exit code. A fault of strop is a
        MeasurementError: nothing was measured.
        """
        family = {each.__name__: each for each in _family(StropError)}
        other = TargetError if self.exit_code == TargetError.exit_code else MeasurementError
        kind = family.get(self.kind, other)
        first, *rest = [line[:MAX_LINE] for line in self.lines[:MAX_LINES]] or [self.kind]
        return kind(f"{where}: {first}" if where else first, *rest)


def _family(kind: type[StropError]) -> list[type[StropError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _family(child))]
