"""The raw samples of a pair of processes, and the ratio that is derived from them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from strop.runtime.statistics.intervals import quantile

ORDERS = ("ABBA", "BAAB")  # A is the baseline, B the new artifact


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSamples:
    """One block: inferences of one artifact in a row.

    Attributes:
        invoke_ns: Timed inferences.
        lead_in_runs: Inferences before them.
        elapsed_ns: All of these, and the writing of their inputs.
        cpu_ns: Processor time of the process meanwhile, all threads.
        switches: Involuntary context switches of the process meanwhile.
    """

    invoke_ns: tuple[int, ...]
    lead_in_runs: int
    elapsed_ns: int
    cpu_ns: int
    switches: int

    @property
    def p50_ns(self) -> int:
        """Median inference."""
        return quantile(self.invoke_ns, 0.5)

    @property
    def runs(self) -> int:
        """All inferences, those before the timed ones included."""
        return self.lead_in_runs + len(self.invoke_ns)

    @property
    def cpu_per_run_ns(self) -> float:
        """Processor time of one inference and the writing of its input."""
        return self.cpu_ns / self.runs


@dataclass(frozen=True, kw_only=True, slots=True)
class Quad:
    """Four blocks, close together.

    Attributes:
        order: One of ORDERS, drawn randomly.
        blocks: Four, as they ran.
        reasons: Why they do not count; empty where they do.
    """

    order: str
    blocks: tuple[BlockSamples, ...]
    reasons: tuple[str, ...] = ()

    def of(self, arm: str) -> tuple[BlockSamples, ...]:
        """The two blocks of "A" or "B"."""
        both = zip(self.order, self.blocks, strict=True)
        return tuple(block for name, block in both if name == arm)

    @property
    def log_ratio(self) -> float:
        """Natural logarithm of new over old, each by the faster of its two blocks.

        What disturbs a block makes it slower, never faster: of equal files on a shared
        machine, this scatters half as much as the mean of both, or a fifth.
        """
        old, new = (min(block.p50_ns for block in self.of(arm)) for arm in "AB")
        return math.log(new / old)

    @property
    def cpu_log_ratio(self) -> float:
        """The same of processor time, by the mean of both."""
        # A clock of 10 ms may show 0 for a short block.
        return self.mean_log_ratio([max(block.cpu_per_run_ns, 1.0) for block in self.blocks])

    def mean_log_ratio(self, values: Sequence[float]) -> float:
        """Logarithm of new over old, by the mean of both; a steady drift cancels out.

        Args:
            values: One per block, > 0.
        """
        signs = [1 if name == "B" else -1 for name in self.order]
        return sum(sign * math.log(value) for sign, value in zip(signs, values, strict=True)) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """The beginning of one fresh process.

    Attributes:
        load_ns: Opening the artifact.
        first_invoke_ns: The first inference.
        warmup_ns: Inferences up to the first block.
        peak_rss_bytes: Most physical memory held at once, after the warm-up.
        inputs_sha256: Of the input tensors.
        outputs_sha256: Of the raw output tensors.
    """

    load_ns: int
    first_invoke_ns: int
    warmup_ns: tuple[int, ...]
    peak_rss_bytes: int
    inputs_sha256: str
    outputs_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two fresh processes, one per artifact, measured in turn.

    Attributes:
        old: How the baseline's began.
        new: How the new artifact's began.
        max_output_diff: Largest difference between their answers, in scores; None where
            their shapes differ.
        duration_s: From starting them to their end.
        quads: In order.
    """

    old: Start
    new: Start
    max_output_diff: float | None
    duration_s: float
    quads: tuple[Quad, ...]

    @property
    def valid_quads(self) -> tuple[Quad, ...]:
        """Those that count."""
        return tuple(quad for quad in self.quads if not quad.reasons)

    def log_ratio(self, *, min_quads: int) -> float | None:
        """Median over the valid quads; None with fewer than `min_quads`.

        Of quads in both orders a steady drift cancels out.
        """
        found = [quad.log_ratio for quad in self.valid_quads]
        return median(found) if len(found) >= min_quads else None


def draw_orders(quads: int, rng: random.Random) -> tuple[str, ...]:
    """Draw a random order for each quad; both occur equally often, or one of them once more."""
    orders = [*ORDERS * (quads // 2), *([rng.choice(ORDERS)] if quads % 2 else [])]
    return tuple(rng.sample(orders, quads))
