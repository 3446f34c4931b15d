"""Measures the energy of an inference: an engine alone, between two times without work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from strop.runtime.bench.block_state import BlockState, BoardWatch
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.engines.engine import Array, Engine
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.power_log import PowerLog
from strop.runtime.machine.power_meter import PowerMeter
from strop.runtime.statistics.intervals import CONFIDENCE, Interval
from strop.runtime.statistics.student import student_quantile
from strop.runtime.units import NS_PER_S

DEFAULT_ENERGY_S = 20.0
WINDOWS = 10  # whose means the interval is of
IDLE_S = 5.0  # before and after; a fan or a clock settles in it
MJ_PER_J = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergySamples:
    """What was measured on one engine.

    Attributes:
        meter: What told it, in words.
        idle_before_w: Mean power before, without work.
        idle_after_w: Mean power after.
        window_s: Length of each window, seconds.
        window_runs: Inferences in each.
        window_j: Energy of each, joules, all that the meter covers.
        states: The board between the windows.
    """

    meter: str
    idle_before_w: float
    idle_after_w: float
    window_s: tuple[float, ...]
    window_runs: tuple[int, ...]
    window_j: tuple[float, ...]
    states: tuple[BlockState, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.window_s), len(self.window_runs), len(self.window_j)}
        if lengths != {len(self.window_s)} or not self.window_s or min(self.window_runs) < 1:
            raise MeasurementError("energy: windows without inferences; measure longer")


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergyFigures:
    """The energy of one inference.

    Attributes:
        meter: What told it.
        mj: All that the meter covers, millijoules; mean of the windows.
        interval_mj: 95 % interval of it (Student's t over the windows).
        above_idle_mj: What is more than without work.
        idle_w: Mean power without work, before and after.
        watts: Mean power at work.
        throttled_share: Share of the windows below the board's full speed, 0..1; None if the
            board does not report it.
    """

    meter: str
    mj: float
    interval_mj: Interval
    above_idle_mj: float
    idle_w: tuple[float, float]
    watts: float
    throttled_share: float | None


def energy_figures(samples: EnergySamples, *, throttled_share: float | None) -> EnergyFigures:
    """Make figures of the windows; the share is what `validity` finds in their states."""
    each_mj = [
        MJ_PER_J * joules / runs
        for joules, runs in zip(samples.window_j, samples.window_runs, strict=True)
    ]
    mean, n = fmean(each_mj), len(each_mj)
    half = math.inf
    if n > 1:
        half = student_quantile((1 + CONFIDENCE) / 2, n - 1) * stdev(each_mj) / math.sqrt(n)
    idle_w = (samples.idle_before_w, samples.idle_after_w)
    seconds, runs = sum(samples.window_s), sum(samples.window_runs)
    above_j = sum(samples.window_j) - fmean(idle_w) * seconds
    return EnergyFigures(
        meter=samples.meter,
        mj=mean,
        interval_mj=Interval(low=mean - half, high=mean + half),
        above_idle_mj=MJ_PER_J * above_j / runs,
        idle_w=idle_w,
        watts=sum(samples.window_j) / seconds,
        throttled_share=throttled_share,
    )


def measure_energy(
    engine: Engine,
    inputs: Sequence[Sequence[Array]],
    *,
    meter: PowerMeter,
    duration_s: float,
    watch: BoardWatch,
    idle_s: float = IDLE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> EnergySamples:
    """Run one engine without a pause, and read the meter beside it.

    Args:
        engine: Open.
        inputs: Taken in turn; each has one tensor for every input of the engine.
        meter: What tells power or energy.
        duration_s: How long the engine runs, in WINDOWS windows.
        watch: Reads the board between windows; a new one.
        idle_s: How long nothing runs before and after.
        sleep: Waits.

    Raises:
        MeasurementError: No input, or no time; or the meter stops telling.
    """
    if not inputs or not duration_s > 0:
        raise MeasurementError(
            f"energy: {len(inputs)} inputs and {duration_s} s; needed are 1 or more and > 0 s"
        )
    clock = time.perf_counter_ns
    timer = MeasurePlan().timer(engine, inputs, clock=clock)
    moments, runs = [], []
    with PowerLog(meter) as log:
        began = clock()
        sleep(idle_s)
        timer.run_block(leads_in=True)
        for place in range(WINDOWS):
            watch.look(place)
            moments.append(clock())
            done = 0
            while clock() - moments[-1] < duration_s / WINDOWS * NS_PER_S:
                done += len(timer.run_block(leads_in=False).invoke_ns)
            runs.append(done)
        ended = clock()
        watch.look(WINDOWS, is_last=True)
        sleep(idle_s)
        over = clock()
    curve, idle_ns = log.curve, int(idle_s * NS_PER_S)
    ends = [*moments[1:], ended]
    return EnergySamples(
        meter=meter.name,
        idle_before_w=curve.joules(began, began + idle_ns) / idle_s,
        idle_after_w=curve.joules(over - idle_ns, over) / idle_s,
        window_s=tuple((end - start) / NS_PER_S for start, end in zip(moments, ends, strict=True)),
        window_runs=tuple(runs),
        window_j=tuple(curve.joules(*pair) for pair in zip(moments, ends, strict=True)),
        states=watch.states,
    )
