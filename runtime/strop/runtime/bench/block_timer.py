"""Times one engine's `invoke` in short blocks; nothing else is inside the timed region."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from strop.runtime.engines.engine import Array, Engine

Clock = Callable[[], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One engine's turn.

    Attributes:
        lead_in_ns: Invokes at its start that count as warm-up.
        invoke_ns: Timed invokes, one at least.
        counts: By how much each of the timer's counters grew in each timed invoke.
    """

    lead_in_ns: list[int]
    invoke_ns: list[int]
    counts: tuple[list[int], ...] = ()


class BlockTimer:
    """Runs one engine's blocks.

    Args:
        engine: Open.
        inputs: Taken in turn; each has one tensor for every input of the engine.
        block_ns: How long a block lasts, at least.
        lead_in_ns: How long its lead-in lasts, at least, where it has one.
        clock: Nanoseconds, monotonic.
        min_runs: Timed invokes in a block, at least.
        counters: Read before and after each invoke, outside of the time that `clock` measures.
    """

    def __init__(
        self,
        engine: Engine,
        inputs: Sequence[Sequence[Array]],
        *,
        block_ns: int,
        lead_in_ns: int,
        clock: Clock,
        min_runs: int = 1,
        counters: Sequence[Clock] = (),
    ) -> None:
        self._engine = engine
        self._inputs = itertools.cycle(inputs)
        self._block_ns = block_ns
        self._lead_in_ns = lead_in_ns
        self._clock = clock
        self._min_runs = min_runs
        self._counters = tuple(counters)

    def warm_up(self, *, min_runs: int, min_ns: int, budget_ns: int) -> list[int]:
        """Invoke until both minima are met, or the budget is spent."""
        taken_ns: list[int] = []
        total_ns = 0
        while total_ns < budget_ns and (len(taken_ns) < min_runs or total_ns < min_ns):
            total_ns += self._run(taken_ns)
        return taken_ns

    def run_block(self, *, leads_in: bool) -> Block:
        """Invoke for a block's time, after a lead-in if asked for."""
        block = Block(lead_in_ns=[], invoke_ns=[], counts=tuple([] for _ in self._counters))
        with _collector_paused():
            if leads_in:
                self._run_for(self._lead_in_ns, into=block.lead_in_ns, min_runs=1)
            self._run_for(
                self._block_ns, into=block.invoke_ns, min_runs=self._min_runs, counts=block.counts
            )
        return block

    def _run_for(
        self, min_ns: int, *, into: list[int], min_runs: int, counts: Sequence[list[int]] = ()
    ) -> None:
        """Invoke until both minima are met."""
        total_ns = 0
        while len(into) < min_runs or total_ns < min_ns:
            total_ns += self._run(into, counts)

    def _run(self, into: list[int], counts: Sequence[list[int]] = ()) -> int:
        """One invoke on the next input; writing it and keeping the sample are not timed."""
        self._engine.write(*next(self._inputs))
        clock = self._clock
        invoke = self._engine.invoke
        before = [count() for count in self._counters]
        start = clock()
        invoke()
        stop = clock()
        after = [count() for count in self._counters]
        into.append(stop - start)
        for grown, first, last in zip(counts, before, after, strict=False):
            grown.append(last - first)
        return stop - start


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep garbage collection out of the timed region, where it would count as inference."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
