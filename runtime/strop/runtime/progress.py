"""The one shape of progress: steps of work passed on, by whoever may show how far they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Passes the steps of a work on, and may show them."""

    def __call__(self, steps: Iterable[T], total: int, label: str, /) -> Iterable[T]:
        """The same steps.

        Args:
            steps: Each one is worked on when it is taken.
            total: How many there are.
            label: What is done with them.
        """


def unwatched(steps: Iterable[T], total: int, label: str, /) -> Iterable[T]:
    """The progress that shows nothing."""
    del total, label
    return steps


def show_progress(steps: Iterable[T], total: int, label: str, /) -> Iterable[T]:
    """The progress that shows a bar, on a terminal with rich and in a notebook."""
    from strop.console import progress

    return progress(steps, total, label)
