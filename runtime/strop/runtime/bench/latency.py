"""Times `invoke` of one or several engines, interleaved in short blocks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from strop.runtime.bench.block_state import BoardWatch
from strop.runtime.bench.block_timer import Block, BlockTimer, Clock
from strop.runtime.engines.engine import Array, Engine, TensorInfo
from strop.runtime.errors import MeasurementError
from strop.runtime.units import NS_PER_S

LIMIT_FACTOR = 4  # over the timed inferences; warm-up, lead-ins and inputs take under 1 more
WARMUP_SHARE = 0.5  # of max_duration_s; a slow model must leave time to be measured
INPUT_SEED = 0
IMAGE_RANK = 4  # batch, height, width, channels


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurePlan:
    """How long to measure; an engine is done when both minima are met.

    Attributes:
        min_runs: Timed invokes of each engine, at least.
        min_duration_s: Sum of the timed invokes of each engine, at least.
        warmup_runs: Invokes before the first timed one, at least.
        warmup_duration_s: Sum of these, at least.
        max_duration_s: Time for all engines together, warm-up included; then measuring
            stops, minima met or not.
        block_duration_s: How long one engine runs before the next one's turn.
        lead_in_duration_s: Time at the start of each block, one invoke at least, that
            counts as warm-up: the engine before has filled the caches. An engine that is
            measured alone has one only after a reading of the board.
    """

    min_runs: int = 100  # a p99 needs 299, which min_duration_s gives to models under 6 ms
    min_duration_s: float = 2.0  # spans many periods of the 4-10 ms scheduler tick
    warmup_runs: int = 10
    warmup_duration_s: float = 0.3
    max_duration_s: float = 120.0
    block_duration_s: float = 0.05  # well below the seconds in which clocks and load drift
    # MobileNetV2 at 1.7 ms, after another engine's block: the first run takes 9 % (LiteRT)
    # or 23 % (ONNX Runtime) longer, the second 4 or 9 %, under 2 % from the eighth on.
    lead_in_duration_s: float = 0.015

    def __post_init__(self) -> None:
        if self.min_runs < 1:
            raise MeasurementError(f"plan: {self.min_runs} runs; needed is 1 or more")
        for name in ("warmup_runs", "min_duration_s", "warmup_duration_s", "lead_in_duration_s"):
            if not getattr(self, name) >= 0:
                raise MeasurementError(
                    f"plan: {name} is {getattr(self, name)}; needed is 0 or more"
                )
        for name in ("max_duration_s", "block_duration_s"):
            if not getattr(self, name) > 0:
                raise MeasurementError(f"plan: {name} is {getattr(self, name)}; needed is > 0")

    def timer(
        self,
        engine: Engine,
        inputs: Sequence[Sequence[Array]],
        *,
        clock: Clock,
        counters: Sequence[Clock] = (),
    ) -> BlockTimer:
        """A timer with this plan's blocks."""
        return BlockTimer(
            engine,
            inputs,
            block_ns=int(self.block_duration_s * NS_PER_S),
            lead_in_ns=int(self.lead_in_duration_s * NS_PER_S),
            clock=clock,
            counters=counters,
        )


def plan_lasting(duration_s: float, *, artifacts: int = 1) -> MeasurePlan:
    """A plan for so many seconds of timed inference of each artifact, and time enough for it."""
    default = MeasurePlan()
    limit_s = max(default.max_duration_s, duration_s * artifacts * LIMIT_FACTOR)
    return replace(default, min_duration_s=duration_s, max_duration_s=limit_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySamples:
    """What was measured on one engine, raw; statistics are derived from it.

    Attributes:
        warmup_ns: Invokes before the first timed block, then every block's lead-in.
        invoke_ns: Timed invokes, in the order in which they ran.
        blocks: How many of invoke_ns each block holds, in the same order.
        invoke_instructions: Instructions of the process in each of invoke_ns; empty where the
            processor's counters are not to be had.
    """

    warmup_ns: tuple[int, ...]
    invoke_ns: tuple[int, ...]
    blocks: tuple[int, ...]
    invoke_instructions: tuple[int, ...] = ()

    def meet(self, plan: MeasurePlan) -> bool:
        """Whether there are as many and as long samples as the plan asks for."""
        return _is_enough(len(self.invoke_ns), sum(self.invoke_ns), plan)


def _is_enough(runs: int, total_ns: int, plan: MeasurePlan) -> bool:
    return runs >= plan.min_runs and total_ns >= plan.min_duration_s * NS_PER_S


def measure(
    engines: Sequence[Engine],
    inputs: Sequence[Sequence[Sequence[Array]]],
    *,
    plan: MeasurePlan,
    clock: Clock = time.perf_counter_ns,
    watch: BoardWatch | None = None,
    instructions: Clock | None = None,
) -> tuple[LatencySamples, ...]:
    """Time `invoke` on every engine in turn until each has what the plan asks for.

    All engines run until the last one is done, so that every one of them sees the same
    drift of clocks and load. The order rotates by one with every round of blocks.

    Args:
        engines: Open engines.
        inputs: For each engine what it runs on, taken in turn: one tensor for every input.
        plan: How long.
        clock: Nanoseconds, monotonic.
        watch: Reads the board before the first block, between rounds, and after the last.
        instructions: Counts those of the process.

    Returns:
        One record an engine, in the order given. Where `max_duration_s` ended the
        measurement, `LatencySamples.meet` is False.

    Raises:
        MeasurementError: No engine, or an engine without inputs.
    """
    if not engines or len(engines) != len(inputs) or not all(inputs):
        raise MeasurementError(
            f"{len(engines)} engines and inputs for {sum(map(bool, inputs))} of them;"
            " needed are 1 or more engines and 1 or more inputs for each"
        )
    start = clock()
    timers = [
        plan.timer(
            engine,
            tensors,
            clock=clock,
            counters=() if instructions is None else (instructions,),
        )
        for engine, tensors in zip(engines, inputs, strict=True)
    ]
    collected = [_Collected() for _ in timers]
    warmup_budget_ns = int(plan.max_duration_s * WARMUP_SHARE * NS_PER_S) // len(timers)
    for timer, found in zip(timers, collected, strict=True):
        found.warmup_ns += timer.warm_up(
            min_runs=plan.warmup_runs,
            min_ns=int(plan.warmup_duration_s * NS_PER_S),
            budget_ns=warmup_budget_ns,
        )
    deadline = start + int(plan.max_duration_s * NS_PER_S)
    pairs = list(zip(timers, collected, strict=True))
    for rounds in itertools.count():
        was_read = watch is not None and watch.look(rounds)
        first = rounds % len(pairs)
        for timer, found in pairs[first:] + pairs[:first]:
            found.add(timer.run_block(leads_in=was_read or len(pairs) > 1))
        if clock() >= deadline or all(found.is_enough_for(plan) for found in collected):
            break
    if watch is not None:
        watch.look(rounds + 1, is_last=True)
    return tuple(found.samples() for found in collected)


class _Collected:
    """The samples of one engine so far."""

    def __init__(self) -> None:
        self.warmup_ns: list[int] = []
        self._invoke_ns: list[int] = []
        self._blocks: list[int] = []
        self._instructions: list[int] = []
        self._total_ns = 0

    def add(self, block: Block) -> None:
        self.warmup_ns += block.lead_in_ns
        self._invoke_ns += block.invoke_ns
        self._blocks.append(len(block.invoke_ns))
        self._total_ns += sum(block.invoke_ns)
        self._instructions += chain.from_iterable(block.counts)

    def is_enough_for(self, plan: MeasurePlan) -> bool:
        return _is_enough(len(self._invoke_ns), self._total_ns, plan)

    def samples(self) -> LatencySamples:
        return LatencySamples(
            warmup_ns=tuple(self.warmup_ns),
            invoke_ns=tuple(self._invoke_ns),
            blocks=tuple(self._blocks),
            invoke_instructions=tuple(self._instructions),
        )


def random_inputs(infos: Sequence[TensorInfo], *, seed: int = INPUT_SEED) -> tuple[Array, ...]:
    """Make one random tensor for each input, for a measurement without images.

    The same seed gives the same values. Not zeros: kernels and processors may take a
    shorter way through them.

    Args:
        infos: Shapes and dtypes to fill.
        seed: Of numpy's default generator.
    """
    rng = np.random.default_rng(seed)
    return tuple(_random_tensor(info, rng) for info in infos)


def _random_tensor(info: TensorInfo, rng: np.random.Generator) -> Array:
    """Values that any network takes: pixels, or indices that every table has."""
    is_float = np.dtype(info.dtype).kind == "f"
    if is_float and len(info.shape) != IMAGE_RANK:
        return rng.random(info.shape).astype(info.dtype)
    if not is_float and info.dtype not in ("uint8", "int8"):
        return rng.integers(0, 2, size=info.shape).astype(info.dtype)
    pixels = rng.integers(0, 256, size=info.shape, dtype=np.uint8)
    if info.dtype == "int8":
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    return pixels.astype(info.dtype)
