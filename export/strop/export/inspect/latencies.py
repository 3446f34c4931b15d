"""Measures how long finished files take on this machine, in one interleaved run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from strop.export.inspect.contents import Latency
from strop.runtime.bench.latency import MeasurePlan, measure, random_inputs
from strop.runtime.engines import open_engine
from strop.runtime.statistics.intervals import Interval, quantile_interval
from strop.runtime.units import NS_PER_MS


def latencies(paths: Sequence[Path], *, plan: MeasurePlan) -> list[Latency]:
    """Time each file on a random image, in turn with the others, with one thread.

    Args:
        paths: .tflite or .onnx, one at least.
        plan: How long.

    Raises:
        ArtifactError: An engine refuses a file.
    """
    with ExitStack() as stack:
        engines = [stack.enter_context(open_engine(path)) for path in paths]
        inputs = [[random_inputs(engine.inputs)] for engine in engines]
        return [_latency(found.invoke_ns) for found in measure(engines, inputs, plan=plan)]


def _latency(samples_ns: Sequence[int]) -> Latency:
    found = quantile_interval(samples_ns)
    return Latency(
        runs=len(samples_ns),
        p50_ms=median(samples_ns) / NS_PER_MS,
        p50_interval=None
        if found is None
        else Interval(low=found.low / NS_PER_MS, high=found.high / NS_PER_MS),
    )
