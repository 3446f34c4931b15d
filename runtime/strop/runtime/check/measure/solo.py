"""Measures one process at a time: an artifact alone, or pairs where memory holds no two."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from strop.runtime.check.measure.pair import Candidate, Runner, largest_difference
from strop.runtime.check.measure.samples import (
    ORDERS,
    A,
    B,
    BlockSamples,
    Measure,
    Pair,
    Quad,
    Start,
)
from strop.runtime.machine.proc_files import meminfo_bytes

ALONE = "A"
# What a fresh process holds besides the artifact, and how often it holds that: the file's
# pages, packed weights, activations. Peaks on x86-64 in MiB, .tflite and .onnx: of 0.6 MiB
# 49 and 69, MobileNetV2 int8 (3.8) 60 and 80, EfficientNet-B1 int8 (8.7) 72 and 97,
# MobileNetV2 float (13.4) 86 and 104, Conv MobileNet int8 (28.1) 109 and 114. Nine MiB and
# more are left for the copy where the temporary folder is memory.
PROCESS_BYTES = 80 << 20
COPIES = 3


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


def measure_pair_serially(runner: Runner, old: Candidate, new: Candidate) -> Pair:
    """Measure four processes, one after the other, in a random one of ORDERS.

    Raises:
        MeasurementError: A process failed or gave no answer.
        OutputError: No room for the copy of an artifact.
    """
    begun, quads = time.monotonic(), runner.plan.quads
    order = runner.rng.choice(ORDERS)
    candidates = {A: old, B: new}
    solos = [measure_solo(runner, candidates[arm], blocks=quads) for arm in order]
    one, other = solos[order.index(A)], solos[order.index(B)]
    return Pair(
        old=one.start,
        new=other.start,
        max_output_diff=largest_difference(np.array(one.scores), np.array(other.scores)),
        duration_s=time.monotonic() - begun,
        quads=tuple(_quad(order, solos, i) for i in range(quads)),
    )


def has_room_for_two(artifacts: Sequence[Path], root: Path = Path("/")) -> bool:
    """Whether the processes of the two largest artifacts fit into memory at once.

    Args:
        artifacts: That exist.
        root: Where proc/ is; another one than "/" for recorded files.

    Returns:
        True where the system does not say how much is available.
    """
    available = meminfo_bytes(root, "MemAvailable")
    largest = sorted(path.stat().st_size for path in artifacts)[-2:]
    needed = sum(PROCESS_BYTES + COPIES * size for size in largest)
    return available is None or needed <= available


@dataclass(frozen=True, kw_only=True, slots=True)
class SerialQuad(Quad):
    """The blocks with one number of four processes, which are seconds apart.

    In that time a board that warms up drifts by more than disturbances add, and all quads of a pair
    have one order.
    """

    def log_ratio(self, measure: Measure) -> float:
        """By the mean of each artifact's blocks."""
        return self.mean_log_ratio([block.p50(measure) for block in self.blocks])


def _quad(order: str, solos: Sequence[Solo], number: int) -> SerialQuad:
    blocks = [solo.blocks[number] for solo in solos]
    return SerialQuad(
        order=order,
        blocks=tuple(block.samples for block in blocks),
        reasons=tuple(dict.fromkeys(reason for block in blocks for reason in block.reasons)),
    )
