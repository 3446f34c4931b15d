"""Times each operation of an .onnx by ONNX Runtime's own profile.

LiteRT does the same only in C++: a .tflite has no such list.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from strop.engine_watch import folder_prefix
from strop.runtime.artifact.onnx_macs import SUFFIX, read_profile
from strop.runtime.errors import ArtifactError
from strop.runtime.units import US_PER_S

DURATION_S = 0.5
MIN_RUNS, MAX_RUNS = 5, 100


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerTime:
    """One operation as ONNX Runtime runs it.

    Attributes:
        layer: Of the network that was exported, in files of strop's; else the operation's name.
        kind: Of operation: "QLinearConv".
        microseconds: Median of the runs; ONNX Runtime counts whole ones.
    """

    layer: str
    kind: str
    microseconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerTimes:
    """All operations of one .onnx.

    Attributes:
        operations: In the order in which they are run, with what the profile adds to each.
        whole_microseconds: Median of the whole .onnx without the profile.
    """

    operations: tuple[LayerTime, ...]
    whole_microseconds: float

    @property
    def added_microseconds(self) -> float:
        """By how much the profile lengthens an operation, on average."""
        profiled = sum(each.microseconds for each in self.operations)
        return max(0.0, profiled - self.whole_microseconds) / max(1, len(self.operations))


def layer_times(path: Path, *, num_threads: int = 1) -> LayerTimes:
    """Run an .onnx with black images, MIN_RUNS to MAX_RUNS times, and time its operations.

    Args:
        path: The .onnx.
        num_threads: That share an operation.

    Raises:
        ArtifactError: It is no .onnx, cannot be loaded, or the profile cannot be read.
    """
    # Not above: a device without this engine imports all of the runtime.
    from strop.runtime.engines.onnxruntime import OnnxRuntimeEngine, open_profiled, run_session

    if path.suffix != ".onnx":
        raise ArtifactError(f"{path}: only ONNX Runtime tells how long operations take; give .onnx")
    with OnnxRuntimeEngine(path, num_threads=num_threads) as engine:
        black = [np.zeros(info.shape, info.dtype) for info in engine.inputs]
        engine.write(*black)
        whole_s = _timed(engine.invoke)
    with tempfile.TemporaryDirectory(prefix=folder_prefix("onnx")) as folder:
        session = open_profiled(path, num_threads=num_threads, folder=Path(folder))
        names = [each.name for each in session.get_inputs()]
        feeds = dict(zip(names, black, strict=True))
        _timed(lambda: run_session(session, feeds, where=str(path)))
        events = read_profile(Path(session.end_profiling()))
    return LayerTimes(
        operations=_medians(events, where=path), whole_microseconds=US_PER_S * median(whole_s)
    )


def _timed(run: Callable[[], object]) -> list[float]:
    """Seconds of each run but the first, which allocates memory."""
    run()
    found: list[float] = []
    end = time.perf_counter() + DURATION_S
    while len(found) < MIN_RUNS or (len(found) < MAX_RUNS and time.perf_counter() < end):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return found


def _medians(events: list[dict[str, Any]], *, where: Path) -> tuple[LayerTime, ...]:
    """The median time of every operation, without its first run.

    Source: onnxruntime, core/framework/sequential_executor.cc ("_kernel_time", "dur").
    """
    durations: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        name = str(event.get("name", ""))
        if name.endswith(SUFFIX) and "op_name" in event.get("args", {}):
            key = (name.removesuffix(SUFFIX), str(event["args"]["op_name"]))
            durations[key].append(int(event["dur"]))
    if not durations:
        raise ArtifactError(f"{where}: ONNX Runtime's profile tells of no operation")
    return tuple(
        LayerTime(
            layer=name.partition(":")[0],
            kind=kind,
            microseconds=float(median(found[1:] or found)),
        )
        for (name, kind), found in durations.items()
    )
