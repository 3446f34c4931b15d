"""Measures an engine after minutes of load, when the board is as hot as it gets."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from strop.runtime.bench.block_state import BlockState, BoardWatch
from strop.runtime.bench.block_timer import Clock
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.errors import MeasurementError
from strop.runtime.statistics.intervals import quantile
from strop.runtime.units import NS_PER_S

DEFAULT_LOAD_S = 300.0
MAX_WINDOW_S = 60.0
WINDOW_SHARE = 0.2  # of a load so short that MAX_WINDOW_S is more
# Kept raw, for each artifact: 1.5 MB of JSON. 60 s of a network that takes 0.1 ms have
# 600,000, in 5 minutes 3,000,000.
MAX_RAW_SAMPLES = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SustainedSamples:
    """What was measured on one engine that ran alone, without a pause.

    Of every block its number of runs and its median are kept; the samples themselves only
    of blocks in the window, and there of every `raw_stride`-th where all would be too many.

    Attributes:
        load_s: How long the load lasted, as it was asked for.
        window_s: How much at its end counts as sustained.
        block_runs: Timed invokes of each block.
        block_p50_ns: Their median.
        window_block: Number, from 0, of the first block in the window.
        raw_stride: Blocks window_block, window_block + raw_stride, ... are kept raw.
        invoke_ns: Timed invokes of these blocks, in the order in which they ran.
        states: The board between the blocks.
    """

    load_s: float
    window_s: float
    block_runs: tuple[int, ...]
    block_p50_ns: tuple[int, ...]
    window_block: int
    raw_stride: int
    invoke_ns: tuple[int, ...]
    states: tuple[BlockState, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.window_block < len(self.block_runs):
            raise MeasurementError(
                f"sustained: window_block is {self.window_block} of {len(self.block_runs)} blocks;"
                " needed is one of them"
            )

    @property
    def window_runs(self) -> int:
        """Timed invokes in the window, whether they are kept or not."""
        return sum(self.block_runs[self.window_block :])


def measure_sustained(
    engine: Engine,
    inputs: Sequence[Sequence[Array]],
    *,
    load_s: float,
    watch: BoardWatch,
    clock: Clock = time.perf_counter_ns,
    max_raw_samples: int = MAX_RAW_SAMPLES,
) -> SustainedSamples:
    """Load the board with one engine, and time every invoke.

    Memory does not grow with the load but for two numbers a block, and one reading of the
    board in a quarter of a second.

    Args:
        engine: Open.
        inputs: Taken in turn; each has one tensor for every input of the engine.
        load_s: How long; the block that is running is finished.
        watch: Reads the board between blocks; a new one.
        clock: Nanoseconds, monotonic.
        max_raw_samples: About how many samples to keep raw.

    Raises:
        MeasurementError: No input, or no time.
    """
    if not inputs or not load_s > 0:
        raise MeasurementError(
            f"sustained: {len(inputs)} inputs and {load_s} s; needed are 1 or more and > 0 s"
        )
    window_s = min(MAX_WINDOW_S, load_s * WINDOW_SHARE)
    timer = MeasurePlan().timer(engine, inputs, clock=clock)
    runs, p50_ns, raw_ns = array("q"), array("q"), array("q")
    window_block, raw_stride = None, 1
    start = clock()
    elapsed_s = 0.0
    while elapsed_s < load_s:
        began_s = elapsed_s
        invoke_ns = timer.run_block(leads_in=watch.look(len(runs))).invoke_ns
        elapsed_s = (clock() - start) / NS_PER_S
        # By its end: the last block is in the window, however long it takes.
        if elapsed_s > load_s - window_s:
            if window_block is None:
                window_block = len(runs)
                expected = len(invoke_ns) * window_s / (elapsed_s - began_s)
                raw_stride = math.ceil(expected / max_raw_samples)
            if (len(runs) - window_block) % raw_stride == 0:
                raw_ns.extend(invoke_ns)
        runs.append(len(invoke_ns))
        p50_ns.append(quantile(invoke_ns, 0.5))
    watch.look(len(runs), is_last=True)
    return SustainedSamples(
        load_s=load_s,
        window_s=window_s,
        block_runs=tuple(runs),
        block_p50_ns=tuple(p50_ns),
        window_block=window_block or 0,
        raw_stride=raw_stride,
        invoke_ns=tuple(raw_ns),
        states=watch.states,
    )
