"""Measures one artifact in a fresh process, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from strop.runtime.check.measure.pair import Candidate, Runner
from strop.runtime.check.measure.samples import BlockSamples, Start

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


def measure_solo(runner: Runner, candidate: Candidate, *, blocks: int) -> Solo:
    """Measure one fresh process, in so many blocks; errors as of `Runner.run`."""
    run = runner.run({ALONE: candidate}, lambda: [ALONE] * blocks)
    return Solo(
        start=run.starts[ALONE],
        scores=tuple(map(tuple, run.scores[ALONE].tolist())),
        duration_s=run.duration_s,
        blocks=tuple(SoloBlock(samples=quad.blocks[0], reasons=quad.reasons) for quad in run.quads),
    )
