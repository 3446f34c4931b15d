"""How long `invoke` takes: raw samples, several engines interleaved in short blocks."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from strop.runtime.engines.engine import Array, Engine, TensorInfo
from strop.runtime.errors import MeasurementError

NS_PER_S = 1_000_000_000
WARMUP_SHARE = 0.5  # of max_duration_s; a slow model must leave time to be measured
INPUT_SEED = 0

Clock = Callable[[], int]


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
            measured alone has none.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySamples:
    """What was measured on one engine, raw; statistics are derived from it.

    Attributes:
        warmup_ns: Invokes before the first timed block, then every block's lead-in.
        invoke_ns: Timed invokes, in the order in which they ran.
        blocks: How many of invoke_ns each block holds, in the same order.
    """

    warmup_ns: tuple[int, ...]
    invoke_ns: tuple[int, ...]
    blocks: tuple[int, ...]

    def meet(self, plan: MeasurePlan) -> bool:
        """Whether there are as many and as long samples as the plan asks for."""
        return _is_enough(len(self.invoke_ns), sum(self.invoke_ns), plan)


def _is_enough(runs: int, total_ns: int, plan: MeasurePlan) -> bool:
    return runs >= plan.min_runs and total_ns >= plan.min_duration_s * NS_PER_S


def measure(
    engines: Sequence[Engine],
    inputs: Sequence[Sequence[Array]],
    *,
    plan: MeasurePlan,
    clock: Clock = time.perf_counter_ns,
) -> tuple[LatencySamples, ...]:
    """Time `invoke` on every engine in turn until each has what the plan asks for.

    All engines run until the last one is done, so that every one of them sees the same
    drift of clocks and load. The order rotates by one with every round of blocks.

    Args:
        engines: Open engines.
        inputs: For each engine, tensors of its input's shape and dtype, taken in turn.
        plan: How long.
        clock: Nanoseconds, monotonic.

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
        _Timer(engine, tensors, clock) for engine, tensors in zip(engines, inputs, strict=True)
    ]
    warmup_budget_ns = int(plan.max_duration_s * WARMUP_SHARE * NS_PER_S) // len(timers)
    for timer in timers:
        timer.warm_up(plan, budget_ns=warmup_budget_ns)
    is_alone = len(timers) == 1
    deadline = start + int(plan.max_duration_s * NS_PER_S)
    for first in itertools.cycle(range(len(timers))):
        for timer in timers[first:] + timers[:first]:
            timer.run_block(plan, leads_in=not is_alone)
        if clock() >= deadline or all(timer.is_done(plan) for timer in timers):
            break
    return tuple(timer.samples() for timer in timers)


class _Timer:
    """Collects the samples of one engine."""

    def __init__(self, engine: Engine, inputs: Sequence[Array], clock: Clock) -> None:
        self._engine = engine
        self._inputs = itertools.cycle(inputs)
        self._clock = clock
        self._warmup_ns: list[int] = []
        self._invoke_ns: list[int] = []
        self._blocks: list[int] = []
        self._total_ns = 0

    def is_done(self, plan: MeasurePlan) -> bool:
        return _is_enough(len(self._invoke_ns), self._total_ns, plan)

    def samples(self) -> LatencySamples:
        return LatencySamples(
            warmup_ns=tuple(self._warmup_ns),
            invoke_ns=tuple(self._invoke_ns),
            blocks=tuple(self._blocks),
        )

    def warm_up(self, plan: MeasurePlan, *, budget_ns: int) -> None:
        needed_ns = plan.warmup_duration_s * NS_PER_S
        total_ns = 0
        while total_ns < budget_ns and (
            len(self._warmup_ns) < plan.warmup_runs or total_ns < needed_ns
        ):
            total_ns += self._run(self._warmup_ns)

    def run_block(self, plan: MeasurePlan, *, leads_in: bool) -> None:
        needed_ns = plan.block_duration_s * NS_PER_S
        with _collector_paused():
            if leads_in:
                lead_in_ns = self._run(self._warmup_ns)
                while lead_in_ns < plan.lead_in_duration_s * NS_PER_S:
                    lead_in_ns += self._run(self._warmup_ns)
            block_ns = self._run(self._invoke_ns)
            runs = 1
            while block_ns < needed_ns:
                block_ns += self._run(self._invoke_ns)
                runs += 1
        self._blocks.append(runs)
        self._total_ns += block_ns

    def _run(self, into: list[int]) -> int:
        """One invoke on the next input; writing it and keeping the sample are not timed."""
        self._engine.write(next(self._inputs))
        clock = self._clock
        invoke = self._engine.invoke
        start = clock()
        invoke()
        stop = clock()
        into.append(stop - start)
        return stop - start


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A collection inside the timed region would be counted as inference."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def random_input(info: TensorInfo, *, seed: int = INPUT_SEED) -> Array:
    """Evenly distributed pixels 0..255 for a measurement without images.

    The same seed gives the same pixels. Not zeros: kernels and processors may take a
    shorter way through them.

    Args:
        info: Shape and dtype to fill; int8 gets pixel - 128.
        seed: Of numpy's default generator.
    """
    pixels = np.random.default_rng(seed).integers(0, 256, size=info.shape, dtype=np.uint8)
    if info.dtype == "int8":
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    return pixels.astype(info.dtype)
