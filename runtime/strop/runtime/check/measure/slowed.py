"""Slows an engine down by a known share, to try out a check."""

from __future__ import annotations

import time
from typing import Any, cast

from strop.runtime.bench.block_timer import Clock
from strop.runtime.engines.engine import Engine

READINGS = 1.5  # half of the first and of the second, and of the spinning half a reading too many
TRIES = 100


def slowed(engine: Engine, *, rel_increase: float, clock: Clock = time.thread_time_ns) -> Engine:
    """The engine, with each inference made longer; a median would not see only some of them.

    Args:
        engine: Open.
        rel_increase: 0.05 lets an inference take 5 % longer.
        clock: Nanoseconds, monotonic. By the default other tasks, which interrupt the inference,
            do not make the slowdown larger.
    """
    return cast("Engine", _Slowed(engine, 1 + rel_increase, clock))


class _Slowed:
    """Passes everything on but `invoke`."""

    def __init__(self, engine: Engine, factor: float, clock: Clock) -> None:
        self._engine = engine
        self._factor = factor
        self._clock = clock
        self._reading_ns = _reading_ns(clock)

    def invoke(self) -> None:
        """Run once, and spin until the time is over."""
        clock = self._clock
        start = clock()
        self._engine.invoke()
        taken = clock() - start
        # What the clock itself costs is a part of the slowdown: small for 3 ms, 2 % of 0.1 ms.
        end = start + taken * self._factor - READINGS * self._reading_ns
        while clock() < end:
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _reading_ns(clock: Clock) -> float:
    """The time that one reading takes by the clock itself."""
    start = clock()
    for _ in range(TRIES):
        stop = clock()
    return (stop - start) / TRIES
