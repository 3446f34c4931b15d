"""Measures one artifact in a fresh process, block by block."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from strop.engine_watch import folder_prefix
from strop.runtime.bench.block_state import BlockState, BoardWatch
from strop.runtime.check.measure.invalid_blocks import reasons
from strop.runtime.check.measure.pair import Candidate, start_worker
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.samples import BlockSamples, Quad, Start

ALONE = "A"


@dataclass(frozen=True, kw_only=True, slots=True)
class SoloBlock:
    """One block, and why it does not count; `reasons` is empty where it does."""

    samples: BlockSamples
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Solo:
    """One fresh process.

    Attributes:
        start: How it began.
        scores: What it answered, float64 [inputs, classes].
        duration_s: From starting it to its end.
        blocks: In order.
    """

    start: Start
    scores: tuple[tuple[float, ...], ...]
    duration_s: float
    blocks: tuple[SoloBlock, ...]

    @property
    def valid_blocks(self) -> tuple[BlockSamples, ...]:
        """Those that count."""
        return tuple(block.samples for block in self.blocks if not block.reasons)

    @property
    def p50_ns(self) -> float | None:
        """Median of the medians of the blocks that count; None where none does."""
        found = [block.p50_ns for block in self.valid_blocks]
        return median(found) if found else None


class SoloRunner:
    """Measures one artifact after the other, each in a process of its own.

    Args:
        plan: How long.
        rng: Source of all random choices.
        temperature_limit_c: Where the board starts to be slowed down.
    """

    def __init__(
        self, plan: CheckPlan, *, rng: random.Random, temperature_limit_c: float | None
    ) -> None:
        self._plan = plan
        self._rng = rng
        self._temperature_limit_c = temperature_limit_c
        self._watch = BoardWatch()
        self._blocks = 0

    @property
    def states(self) -> tuple[BlockState, ...]:
        """Readings of the board; a block of any process is one round."""
        return self._watch.states

    def run(self, candidate: Candidate, *, blocks: int) -> Solo:
        """Start a process, measure so many blocks, end it.

        Raises:
            MeasurementError: The process failed or gave no answer.
            OutputError: No room for the copy of the artifact.
        """
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix=folder_prefix("check")))
            )
            begun = time.monotonic()
            worker = stack.enter_context(
                start_worker(candidate, folder, plan=self._plan, rng=self._rng)
            )
            opened, warm = worker.open(), worker.warm_up()
            scores = np.array(opened.pop("scores"), np.float64)
            first, samples = self._blocks, []
            for _ in range(blocks):
                self._watch.look(self._blocks)
                samples.append(worker.block())
                self._blocks += 1
            self._watch.look(self._blocks, is_last=True)
            return Solo(
                start=Start(
                    **opened,
                    warmup_ns=tuple(warm["warmup_ns"]),
                    peak_rss_bytes=warm["peak_rss_bytes"],
                ),
                scores=tuple(map(tuple, scores.tolist())),
                duration_s=time.monotonic() - begun,
                blocks=self._judged(samples, first=first),
            )

    def _judged(self, samples: Sequence[BlockSamples], *, first: int) -> tuple[SoloBlock, ...]:
        found = reasons(
            [Quad(order=ALONE, blocks=(each,)) for each in samples],
            first=first,
            states=self._watch.states,
            temperature_limit_c=self._temperature_limit_c,
        )
        return tuple(
            SoloBlock(samples=each, reasons=why) for each, why in zip(samples, found, strict=True)
        )
