"""Runs one artifact of a pair in a process of its own, at its parent's commands.

Run as `python -m strop.runtime.check.measure.worker ARTIFACT`. It reads one command a line from
stdin ("open", "warm_up", "block") and answers each with one line of JSON; the end of stdin
ends it. Between commands it waits and uses no processor.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from strop.runtime.bench.block_timer import BlockTimer
from strop.runtime.bench.latency import random_inputs
from strop.runtime.check.measure.slowed import slowed
from strop.runtime.classify.scores import dequantize
from strop.runtime.engines import Engine, open_engine
from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import StropError
from strop.runtime.machine.child_process import peak_rss_bytes
from strop.runtime.machine.event_counter import Event, EventCounter, why_not
from strop.supervised import end_with_parent

PROCESSOR_TIME, INSTRUCTIONS = "invoke_cpu_ns", "invoke_instructions"
SETTLED = 0.03  # of the last third of the warm-up from the third before it
MAX_SCORES = 10_000  # of one output that are compared; a segmentation has millions
MAX_SCORE = 1e29  # a mask may have -3e38, which no record holds
MAX_GRAIN_NS = 20_000  # a step of 2 % of an inference of 1 ms
GRAIN_TRIES = 5
MIN_THIRD = 3  # inferences; the median of fewer means nothing


class Worker:
    """One open artifact, and its blocks.

    Args:
        options: As `main` parses them.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._counters: dict[str, Callable[[], int]] = {}
        self._timer: BlockTimer | None = None

    def open(self) -> dict[str, Any]:
        """Load, run once, then once on every input."""
        options = self._options
        # Before the engine starts its threads, which are to count.
        self._counters = counters(options.threads)
        before = time.perf_counter_ns()
        engine: Engine = open_engine(
            options.artifact, engine=options.engine, num_threads=options.threads
        )
        if options.slowdown:
            engine = slowed(engine, rel_increase=options.slowdown)
        loaded = time.perf_counter_ns()
        inputs = [
            random_inputs(engine.inputs, seed=options.seed + i) for i in range(options.inputs)
        ]
        engine.write(*inputs[0])
        before_first = time.perf_counter_ns()
        engine.invoke()
        after_first = time.perf_counter_ns()
        outputs = [_answer(engine, tensors) for tensors in inputs]
        self._timer = BlockTimer(
            engine,
            inputs,
            block_ns=options.block_ns,
            lead_in_ns=options.lead_in_ns,
            clock=time.perf_counter_ns,
            min_runs=options.block_runs,
            counters=list(self._counters.values()),
        )
        return {
            "load_ns": loaded - before,
            "first_invoke_ns": after_first - before_first,
            "inputs_sha256": _sha256(chain.from_iterable(inputs)),
            "outputs_sha256": _sha256(chain.from_iterable(outputs)),
            "scores": _scores(engine, outputs),
        }

    def warm_up(self) -> dict[str, Any]:
        """Run until the latency has settled; see `settle`."""
        options = self._options
        taken_ns = settle(self._opened(), min_ns=options.warmup_ns, max_ns=options.max_warmup_ns)
        gc.collect()
        gc.freeze()
        return {"warmup_ns": taken_ns, "peak_rss_bytes": peak_rss_bytes()}

    def block(self) -> dict[str, Any]:
        """One block."""
        timer = self._opened()
        switches, waits = _switches()
        cpu, own, start = time.process_time_ns(), time.thread_time_ns(), time.perf_counter_ns()
        found = timer.run_block(leads_in=True)
        stop, own_stop = time.perf_counter_ns(), time.thread_time_ns()
        cpu_stop, (switches_stop, waits_stop) = time.process_time_ns(), _switches()
        counted = dict(zip(self._counters, found.counts, strict=True))
        return {
            "invoke_ns": found.invoke_ns,
            **{name: counted.get(name, ()) for name in (PROCESSOR_TIME, INSTRUCTIONS)},
            "lead_in_runs": len(found.lead_in_ns),
            "elapsed_ns": stop - start,
            "cpu_ns": cpu_stop - cpu,
            "thread_cpu_ns": own_stop - own,
            "switches": switches_stop - switches,
            "waits": waits_stop - waits,
        }

    def _opened(self) -> BlockTimer:
        if self._timer is None:
            raise ValueError("the first command is open")
        return self._timer


def counters(threads: int) -> dict[str, Callable[[], int]]:
    """What can be read around each inference, by the name of its field in `BlockSamples`.

    Args:
        threads: Of the engine.
    """
    found: dict[str, Callable[[], int]] = {}
    if has_fine_processor_time():
        found[PROCESSOR_TIME] = time.thread_time_ns if threads == 1 else time.process_time_ns
    if not why_not(Event.INSTRUCTIONS):
        found[INSTRUCTIONS] = EventCounter(Event.INSTRUCTIONS).read  # open as long as the process
    return found


def has_fine_processor_time(clock: Callable[[], int] = time.thread_time_ns) -> bool:
    """Whether the clock of a thread's processor time moves in steps of MAX_GRAIN_NS at most.

    Where the kernel counts ticks of some milliseconds, most inferences would take no time.
    """
    if not hasattr(resource, "RUSAGE_THREAD"):
        return False
    steps = []
    for _ in range(GRAIN_TRIES):
        start = now = clock()
        while now == start:
            now = clock()
        steps.append(now - start)
    return median(steps) <= MAX_GRAIN_NS


def _switches() -> tuple[int, int]:
    """Involuntary context switches of the process, voluntary ones of this thread."""
    thread = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        resource.getrusage(thread).ru_nvcsw,
    )


def settle(timer: BlockTimer, *, min_ns: int, max_ns: int) -> list[int]:
    """Warm up for `min_ns`, and on to `max_ns` while the latency still changes.

    It has settled where the medians of the last two thirds are within SETTLED.
    """
    taken_ns = timer.warm_up(min_runs=1, min_ns=min_ns, budget_ns=max_ns)
    while sum(taken_ns) < max_ns and not _is_settled(taken_ns):
        taken_ns += timer.warm_up(min_runs=1, min_ns=min_ns // 4, budget_ns=max_ns - sum(taken_ns))
    return taken_ns


def _is_settled(taken_ns: Sequence[int]) -> bool:
    third = len(taken_ns) // 3
    if third < MIN_THIRD:
        return False
    before, last = median(taken_ns[-2 * third : -third]), median(taken_ns[-third:])
    return abs(last - before) <= SETTLED * before


def _answer(engine: Engine, tensors: Sequence[Array]) -> tuple[Array, ...]:
    """All outputs."""
    engine.write(*tensors)
    engine.invoke()
    return tuple(engine.read(place) for place in range(len(engine.outputs)))


def _scores(engine: Engine, answers: Sequence[Sequence[Array]]) -> list[list[float]]:
    """For each input the outputs in reals, which are to be compared.

    Of an output with more than MAX_SCORES values evenly spaced ones; one that has another
    size with another input is left out.
    """
    sizes = [{answer[place].size for answer in answers} for place in range(len(engine.outputs))]
    kept = [
        (place, info, max(1, math.ceil(max(found) / MAX_SCORES)))
        for place, (info, found) in enumerate(zip(engine.outputs, sizes, strict=True))
        if len(found) == 1
    ]
    return [
        [
            float(score)
            for place, info, step in kept
            for score in _real(answer[place], info).ravel()[::step].clip(-MAX_SCORE, MAX_SCORE)
        ]
        for answer in answers
    ]


def _real(raw: Array, info: TensorInfo) -> Array:
    """In reals; the codes themselves where the file does not say what they stand for."""
    is_known = raw.dtype.kind == "f" or info.scale > 0
    return dequantize(raw, info) if is_known else raw.astype(np.float64)


def _sha256(tensors: Iterable[Array]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _own_stdout() -> int:
    """Where the answers go; what an engine prints goes to stderr instead."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="strop.runtime.check.measure.worker", allow_abbrev=False)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--engine")
    parser.add_argument("--slowdown", type=float, default=0.0, help="to try a check on")
    parser.add_argument("--cpus", default="", help="processors to stay on, with commas")
    for name in ("threads", "seed", "inputs", "block-runs"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("block-ns", "lead-in-ns", "warmup-ns", "max-warmup-ns"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Answer commands until stdin ends."""
    end_with_parent()  # stopped, it would not see the end of stdin, and stay for ever
    options = _parser().parse_args(argv)
    if options.cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in options.cpus.split(",")})
    worker = Worker(options)
    commands: dict[str, Callable[[], dict[str, Any]]] = {
        "open": worker.open,
        "warm_up": worker.warm_up,
        "block": worker.block,
    }
    gc.disable()
    with os.fdopen(_own_stdout(), "w", encoding="ascii") as answers:
        try:
            for line in sys.stdin:
                answers.write(json.dumps(commands[line.strip()]()) + "\n")
                answers.flush()
        except StropError as err:
            sys.stderr.write(" ".join(str(err).splitlines()) + "\n")
            return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
