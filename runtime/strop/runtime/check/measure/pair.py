"""Measures artifacts in fresh processes, block by block in turn: a pair of them, or others."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.engine_watch import folder_prefix
from strop.runtime.bench.block_state import BlockState, BoardWatch
from strop.runtime.check.measure.interpreter import Interpreter
from strop.runtime.check.measure.invalid_blocks import reasons
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.process import (
    WorkerProcess,
    fresh_copy,
    padded_environment,
    processors,
    worker_command,
)
from strop.runtime.check.measure.samples import A, B, Pair, Quad, Start, draw_orders
from strop.runtime.units import NS_PER_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One artifact of a comparison, and what runs it.

    Attributes:
        artifact: The file.
        engine: Its name; None lets strop choose.
        slowdown: Share by which every inference is made to take longer, to try out a check.
        interpreter: Whose process runs it; None is the Python that runs strop.
    """

    artifact: Path
    engine: str | None = None
    slowdown: float = 0.0
    interpreter: Interpreter | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What fresh processes left, one per arm.

    Attributes:
        starts: How each began.
        scores: What each answered, float64 [inputs, classes].
        duration_s: From starting them to their end.
        quads: Blocks in the orders that were asked for.
    """

    starts: Mapping[str, Start]
    scores: Mapping[str, NDArray[np.float64]]
    duration_s: float
    quads: tuple[Quad, ...]


class Runner:
    """Measures candidates in fresh processes, block by block in turn.

    Args:
        plan: How long.
        rng: Source of all random choices.
        temperature_limit_c: Where the board starts to be slowed down.
    """

    def __init__(
        self, plan: CheckPlan, *, rng: random.Random, temperature_limit_c: float | None
    ) -> None:
        self.plan = plan
        self.rng = rng
        self._temperature_limit_c = temperature_limit_c
        self._watch = BoardWatch()
        self._quads = 0

    @property
    def states(self) -> tuple[BlockState, ...]:
        """Readings of the board between quads, of all runs; a quad is one round."""
        return self._watch.states

    def run(
        self, candidates: Mapping[str, Candidate], draw_orders: Callable[[], Sequence[str]]
    ) -> Run:
        """Start all, measure, end all.

        Args:
            candidates: By arm.
            draw_orders: The arms of each quad's blocks; called when all processes are warm.

        Raises:
            MeasurementError: A process failed or gave no answer.
            OutputError: No room for the copies of the artifacts.
        """
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix=folder_prefix("check")))
            )
            begun = time.monotonic()
            # All import at the same time; nothing is timed yet.
            workers = {
                arm: stack.enter_context(
                    start_worker(candidates[arm], folder, plan=self.plan, rng=self.rng)
                )
                for arm in self._shuffled(candidates)
            }
            starts, scores = _begin(workers, order=self._shuffled(candidates))
            quads = self._run_quads(workers, draw_orders())
            duration_s = time.monotonic() - begun
            return Run(starts=starts, scores=scores, duration_s=duration_s, quads=quads)

    def _shuffled(self, arms: Iterable[str]) -> list[str]:
        several = list(arms)
        return self.rng.sample(several, len(several)) if len(several) > 1 else several

    def _run_quads(
        self, workers: Mapping[str, WorkerProcess], orders: Sequence[str]
    ) -> tuple[Quad, ...]:
        first = self._quads
        quads = []
        for order in orders:
            self._watch.look(self._quads)
            quads.append(Quad(order=order, blocks=tuple(workers[arm].block() for arm in order)))
            self._quads += 1
        self._watch.look(self._quads, is_last=True)
        found = reasons(
            quads,
            first=first,
            states=self._watch.states,
            temperature_limit_c=self._temperature_limit_c,
        )
        return tuple(replace(quad, reasons=why) for quad, why in zip(quads, found, strict=True))


def measure_pair(runner: Runner, old: Candidate, new: Candidate) -> Pair:
    """Measure two fresh processes, one per artifact, in turn; errors as of `Runner.run`."""
    plan, rng = runner.plan, runner.rng
    run = runner.run({A: old, B: new}, lambda: draw_orders(plan.quads, rng))
    return Pair(
        old=run.starts[A],
        new=run.starts[B],
        max_output_diff=largest_difference(run.scores[A], run.scores[B]),
        duration_s=run.duration_s,
        quads=run.quads,
    )


def start_worker(
    candidate: Candidate, folder: Path, *, plan: CheckPlan, rng: random.Random
) -> WorkerProcess:
    """A fresh process for one artifact; its copy lies in the folder.

    Raises:
        OutputError: No room for the copy.
    """
    environment = padded_environment(rng)
    command = worker_command()
    if candidate.interpreter is not None:
        environment = candidate.interpreter.environment(environment)
        command = worker_command(candidate.interpreter.python)
    return WorkerProcess(
        [
            *command,
            *([] if candidate.engine is None else ["--engine", candidate.engine]),
            f"--slowdown={candidate.slowdown}",
            *_flags(plan),
            "--",
            str(fresh_copy(candidate.artifact, folder, rng)),
        ],
        name=str(candidate.artifact),
        folder=folder,
        environment=environment,
        is_stopped_between=plan.num_threads > 1,
    )


def _begin(
    workers: Mapping[str, WorkerProcess], *, order: Sequence[str]
) -> tuple[dict[str, Start], dict[str, NDArray[np.float64]]]:
    """Open and warm up each worker while the others wait; how it began, and its scores."""
    opened = {arm: workers[arm].open() for arm in order}
    warm = {arm: workers[arm].warm_up() for arm in order}
    scores = {arm: np.array(opened[arm].pop("scores"), np.float64) for arm in order}
    starts = {
        arm: Start(
            **opened[arm],
            warmup_ns=tuple(warm[arm]["warmup_ns"]),
            peak_rss_bytes=warm[arm]["peak_rss_bytes"],
        )
        for arm in order
    }
    return starts, scores


def largest_difference(one: NDArray[np.float64], two: NDArray[np.float64]) -> float | None:
    """Between two artifacts' answers; None if their shapes differ or nothing is comparable."""
    if one.shape != two.shape or not one.size:
        return None
    return float(np.abs(one - two).max())


def _flags(plan: CheckPlan) -> list[str]:
    values = {
        "threads": plan.num_threads,
        "seed": plan.seed,
        "inputs": plan.inputs,
        "block-runs": plan.block_runs,
        "block-ns": int(plan.block_duration_s * NS_PER_S),
        "lead-in-ns": int(plan.lead_in_duration_s * NS_PER_S),
        "warmup-ns": int(plan.warmup_duration_s * NS_PER_S),
        "max-warmup-ns": int(plan.max_warmup_duration_s * NS_PER_S),
        "cpus": ",".join(map(str, processors(plan.num_threads))),
    }
    return [f"--{name}={value}" for name, value in values.items()]
