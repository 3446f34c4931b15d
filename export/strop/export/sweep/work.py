"""Does jobs on an executor: each ends with a result or with the text of its error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from strop.runtime.errors import StropError

J = TypeVar("J")
R = TypeVar("R")
OpenExecutor = Callable[[], AbstractContextManager[Executor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Done(Generic[J, R]):
    """A job that has ended.

    Attributes:
        job: Which.
        result: What it gave; None where it failed.
        error: Why it failed; None where it did not.
    """

    job: J
    result: R | None
    error: str | None


def do_all(
    function: Callable[[J], R], jobs: Sequence[J], *, open_executor: OpenExecutor
) -> Iterator[Done[J, R]]:
    """Do every job, in whatever order they end; none stops the others.

    Where a process of the executor is killed, by the system for its memory or by a fault of
    a library, nobody says whose it was: all that were not done are then done again, one by
    one, and the one that kills its process again has failed.

    Args:
        function: What to do; it and its jobs can be pickled.
        jobs: Its arguments.
        open_executor: Opens one to do it on.
    """
    lost: list[J] = []
    for done in _do(function, jobs, open_executor):
        if isinstance(done, Done):
            yield done
        else:
            lost.append(done[0])
    for job in lost:
        for again in _do(function, [job], open_executor):
            if isinstance(again, Done):
                yield again
            else:
                text = "its process was killed twice, the second time with no other job beside it"
                yield Done(job=job, result=None, error=f"{text}; is there memory enough?")


def _do(
    function: Callable[[J], R], jobs: Sequence[J], open_executor: OpenExecutor
) -> Iterator[Done[J, R] | tuple[J]]:
    """Yield what has ended; a job that was lost with its process stands alone in a tuple."""
    if not jobs:
        return
    with open_executor() as executor:
        futures: dict[Future[R], J] = {}
        lost: list[J] = []
        try:
            for job in jobs:
                futures[executor.submit(function, job)] = job
        except BrokenExecutor:  # killed while jobs were still handed in
            lost += jobs[len(futures) :]
        try:
            for future in as_completed(futures):
                # Let go of each, or the files of all members are in memory at the end.
                yield _ended(futures.pop(future), future)
        finally:
            for future in futures:
                future.cancel()
    for job in lost:
        yield (job,)


def _ended(job: J, future: Future[R]) -> Done[J, R] | tuple[J]:
    if future.cancelled():
        text = "given up by the scheduler; is it still running?"
        return Done(job=job, result=None, error=text)
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        return (job,)
    if error is None:
        return Done(job=job, result=future.result(), error=None)
    # Other libraries raise what they like over a stranger's model.
    if isinstance(error, StropError):
        return Done(job=job, result=None, error=str(error))
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Done(job=job, result=None, error=text)
