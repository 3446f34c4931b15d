"""Slows an engine down by a known share, to try out a check."""

from __future__ import annotations

import time
from typing import Any, cast

from strop.runtime.bench.block_timer import Clock
from strop.runtime.engines.engine import Engine


def slowed(engine: Engine, *, rel_increase: float, clock: Clock = time.perf_counter_ns) -> Engine:
    """The engine, with each inference made longer; a median would not see only some of them.

    Args:
        engine: Open.
        rel_increase: 0.05 lets an inference take 5 % longer.
        clock: Nanoseconds, monotonic.
    """
    return cast("Engine", _Slowed(engine, 1 + rel_increase, clock))


class _Slowed:
    """Passes everything on but `invoke`."""

    def __init__(self, engine: Engine, factor: float, clock: Clock) -> None:
        self._engine = engine
        self._factor = factor
        self._clock = clock

    def invoke(self) -> None:
        """Run once, and spin until the time is over."""
        start = self._clock()
        self._engine.invoke()
        end = start + (self._clock() - start) * self._factor
        while self._clock() < end:
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)
