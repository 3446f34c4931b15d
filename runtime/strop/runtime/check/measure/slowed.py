"""Slows an engine down by a known share, to try out a check."""

from __future__ import annotations

import time
from types import TracebackType

from strop.runtime.bench.block_timer import Clock
from strop.runtime.engines.engine import Array, Engine, TensorInfo


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
        self.inputs = engine.inputs
        self.outputs = engine.outputs
        self.remark = engine.remark
        self._engine = engine
        self._factor = 1 + rel_increase
        self._clock = clock

    @property
    def input(self) -> TensorInfo:
        """The first input."""
        return self.inputs[0]

    @property
    def output(self) -> TensorInfo:
        """The first output."""
        return self.outputs[0]

    def write(self, *tensors: Array) -> None:
        """Copy one tensor for each input into the input buffers."""
        self._engine.write(*tensors)

    def input_view(self) -> Array:
        """The first input's buffer."""
        return self._engine.input_view()

    def invoke(self) -> None:
        """Run once, and spin until the time is over."""
        start = self._clock()
        self._engine.invoke()
        end = start + (self._clock() - start) * self._factor
        while self._clock() < end:
            pass

    def read(self, output: int = 0) -> Array:
        """An output of the last invoke by its place."""
        return self._engine.read(output)

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
