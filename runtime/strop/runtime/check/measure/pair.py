"""Measures one pair of fresh processes, block by block in turn."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

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
from strop.runtime.check.measure.samples import BlockSamples, Pair, Quad, Start, draw_orders
from strop.runtime.units import NS_PER_S

A, B = ARMS = ("A", "B")


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


class Worker(Protocol):
    """A fresh process with one artifact."""

    def open(self) -> dict[str, Any]:
        """Load it."""

    def warm_up(self) -> dict[str, Any]:
        """Run until the latency has settled."""

    def block(self) -> BlockSamples:
        """Run one block."""


class PairRunner:
    """Measures pairs of one baseline and one new artifact.

    Args:
        old: The baseline.
        new: The new artifact.
        plan: How long.
        rng: Source of all random choices.
        watch: Reads the board between quads, of all pairs.
        temperature_limit_c: Where the board starts to be slowed down.
    """

    def __init__(
        self,
        old: Candidate,
        new: Candidate,
        *,
        plan: CheckPlan,
        rng: random.Random,
        watch: BoardWatch,
        temperature_limit_c: float | None,
    ) -> None:
        self._candidates = {A: old, B: new}
        self._plan = plan
        self._rng = rng
        self._watch = watch
        self._temperature_limit_c = temperature_limit_c
        self._quads = 0

    @property
    def states(self) -> tuple[BlockState, ...]:
        """Readings of the board; a quad is one round."""
        return self._watch.states

    def run(self) -> Pair:
        """Start both, measure, end both.

        Raises:
            MeasurementError: A process failed or gave no answer.
            OutputError: No room for the copies of the artifacts.
        """
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix=folder_prefix("check")))
            )
            begun = time.monotonic()
            # Both import at the same time; nothing is timed yet.
            workers: dict[str, Worker] = {
                arm: stack.enter_context(
                    start_worker(self._candidates[arm], folder, plan=self._plan, rng=self._rng)
                )
                for arm in self._shuffled()
            }
            starts, difference = begin(workers, order=self._shuffled())
            quads = self._run_quads(workers)
            return Pair(
                old=starts[A],
                new=starts[B],
                max_output_diff=difference,
                duration_s=time.monotonic() - begun,
                quads=quads,
            )

    def _shuffled(self) -> list[str]:
        return self._rng.sample(ARMS, len(ARMS))

    def _run_quads(self, workers: dict[str, Worker]) -> tuple[Quad, ...]:
        first = self._quads
        quads = []
        for order in draw_orders(self._plan.quads, self._rng):
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


def begin(
    workers: dict[str, Worker], *, order: Sequence[str]
) -> tuple[dict[str, Start], float | None]:
    """Open and warm up each worker while the other one waits.

    Returns:
        How each began, and the largest difference between their scores.
    """
    opened = {arm: workers[arm].open() for arm in order}
    warm = {arm: workers[arm].warm_up() for arm in order}
    scores = {arm: np.array(opened[arm].pop("scores")) for arm in order}
    starts = {
        arm: Start(
            **opened[arm],
            warmup_ns=tuple(warm[arm]["warmup_ns"]),
            peak_rss_bytes=warm[arm]["peak_rss_bytes"],
        )
        for arm in order
    }
    return starts, largest_difference(scores[A], scores[B])


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
