"""A clock and engines for measurements that take no time."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from strop.runtime.engines.engine import Array, EngineFacts, TensorInfo

MS = 1_000_000  # ns
PIXELS = TensorInfo(shape=(1, 2, 2, 3), dtype="uint8")


class FakeClock:
    """Nanoseconds that pass only when someone spends them; each reading costs 1."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


class FakeEngine:
    """Spends a fixed time in `invoke` and much more in `write`; keeps a diary."""

    facts = EngineFacts(engine="fake", version="0", kernels="none", partitions=None, num_threads=1)
    inputs: tuple[TensorInfo, ...] = (PIXELS,)
    outputs: tuple[TensorInfo, ...] = (PIXELS,)
    input = output = PIXELS
    remark = ""

    def __init__(
        self, name: str, clock: FakeClock, invoke_ns: int, diary: list[str] | None = None
    ) -> None:
        self.name = name
        self.clock = clock
        self.invoke_ns = invoke_ns
        self.diary = [] if diary is None else diary
        self.written: list[int] = []
        self.collected_during_invoke = False

    def write(self, *tensors: Array) -> None:
        self.clock.now += 7 * MS
        self.written.append(int(tensors[0].flat[0]))

    def input_view(self) -> Array:
        return np.zeros(PIXELS.shape, np.uint8)

    def invoke(self) -> None:
        self.collected_during_invoke |= gc.isenabled()
        self.diary.append(self.name)
        self.clock.now += self.invoke_ns

    def read(self, output: int = 0) -> Array:
        return np.zeros(PIXELS.shape, np.uint8)

    def output_view(self, output: int = 0) -> Array:
        return self.read(output)

    def close(self) -> None:
        """Nothing to free."""

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def tensors(*values: int) -> Sequence[tuple[Array]]:
    return [(np.full(PIXELS.shape, value, np.uint8),) for value in values]
