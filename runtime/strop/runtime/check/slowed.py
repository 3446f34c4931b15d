"""An engine that takes longer than it does: slowdowns of a known size, to try a check on."""

from __future__ import annotations

import time
from types import TracebackType

from strop.runtime.block_timer import Clock
from strop.runtime.engines.engine import Array, Engine


class SlowedEngine:
    """Passes everything on, and spins after every inference.

    Every one, not some: a median would not see the others.

    Args:
        engine: Open.
        rel_increase: 0.05 lets an inference take 5 % longer.
        clock: Nanoseconds, monotonic.
    """

    def __init__(
        self, engine: Engine, *, rel_increase: float, clock: Clock = time.perf_counter_ns
    ) -> None:
        self.facts = engine.facts
        self.input = engine.input
        self.output = engine.output
        self._engine = engine
        self._factor = 1 + rel_increase
        self._clock = clock

    def write(self, tensor: Array) -> None:
        """Copy `tensor` into the input buffer."""
        self._engine.write(tensor)

    def input_view(self) -> Array:
        """The input buffer itself."""
        return self._engine.input_view()

    def invoke(self) -> None:
        """Run once, and spin until the time is over."""
        start = self._clock()
        self._engine.invoke()
        end = start + (self._clock() - start) * self._factor
        while self._clock() < end:
            pass

    def read(self) -> Array:
        """The output of the last invoke."""
        return self._engine.read()

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def __enter__(self) -> SlowedEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
