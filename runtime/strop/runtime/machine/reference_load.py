"""Times fixed work without any artifact, to see whether the machine is still the same.

The times guard stored numbers and never scale them: how much faster another processor runs
numpy says nothing about how much faster it runs int8 convolutions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

REPEATS = 7  # the median of so many; a few milliseconds each on a Raspberry Pi 4
GEMM_SIZE = 192
COPY_BYTES = 8 << 20  # beyond the second-level cache of what strop runs on
LOOP_STEPS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceLoad:
    """Times of the fixed work, medians.

    Attributes:
        gemm_ns: A float32 matrix product: arithmetic.
        copy_ns: Copying COPY_BYTES: memory.
        loop_ns: A Python loop: the clock.
    """

    gemm_ns: int
    copy_ns: int
    loop_ns: int


def run_reference_load(clock: Callable[[], int] = time.perf_counter_ns) -> ReferenceLoad:
    """Run the fixed work; takes about 50 ms on x86.

    Args:
        clock: Nanoseconds, monotonic.
    """
    rng = np.random.default_rng(0)
    matrix = rng.random((GEMM_SIZE, GEMM_SIZE), np.float32)
    product = np.empty_like(matrix)
    source = np.zeros(COPY_BYTES, np.uint8)
    target = np.ones_like(source)
    return ReferenceLoad(
        gemm_ns=_median_ns(lambda: np.matmul(matrix, matrix, out=product), clock),
        copy_ns=_median_ns(lambda: np.copyto(target, source), clock),
        loop_ns=_median_ns(_loop, clock),
    )


def _loop() -> int:
    total = 0
    for step in range(LOOP_STEPS):
        total += step & 7
    return total


def _median_ns(work: Callable[[], object], clock: Callable[[], int]) -> int:
    work()
    taken = []
    for _ in range(REPEATS):
        start = clock()
        work()
        taken.append(clock() - start)
    return int(median(taken))
