"""The raw samples of a pair of processes, and the ratio that is derived from them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median
from types import MappingProxyType

from strop.runtime.statistics.intervals import quantile

A, B = ARMS = ("A", "B")  # the baseline, the new artifact
ORDERS = ("ABBA", "BAAB")
# Reasons why a quad's wall times are not the board's own. They do not spoil a verdict by pairs:
# whoever runs beside a check disturbs both artifacts alike, and widens the interval.
STOLEN, SWITCHED = OTHERS = ("stolen time", "other tasks")
# Voluntary waits for each inference, at most: fewer than half of the inferences waited then.
MAX_WAITS_PER_RUN = 0.25
MIN_OWN_SHARE = 0.95  # of the process's processor time, spent by the thread that invokes


class Measure(str, Enum):
    """What of an inference two artifacts are compared by."""

    PROCESSOR = "processor time"
    WALL = "wall time"
    INSTRUCTIONS = "instructions"


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSamples:
    """One block: inferences of one artifact in a row.

    Attributes:
        invoke_ns: Timed inferences.
        lead_in_runs: Inferences before them.
        elapsed_ns: All of these, and the writing of their inputs.
        cpu_ns: Processor time of the process meanwhile, all threads.
        switches: Involuntary context switches of the process meanwhile.
        invoke_cpu_ns: Processor time of each timed inference: of the thread that invokes where
            the engine has one, else of all; empty where it is not known.
        invoke_instructions: Instructions of the process in each; empty where they are not counted.
        thread_cpu_ns: Of `cpu_ns`, what the thread that invokes spent.
        waits: Voluntary context switches of that thread meanwhile.
    """

    invoke_ns: tuple[int, ...]
    lead_in_runs: int
    elapsed_ns: int
    cpu_ns: int
    switches: int
    invoke_cpu_ns: tuple[int, ...] = ()
    invoke_instructions: tuple[int, ...] = ()
    thread_cpu_ns: int = 0
    waits: int = 0

    @property
    def p50_ns(self) -> int:
        """Median inference, by the wall clock."""
        return self.p50(Measure.WALL)

    def p50(self, measure: Measure) -> int:
        """Median inference, in nanoseconds or instructions; it has to have been measured."""
        return quantile(self.of(measure), 0.5)

    def of(self, measure: Measure) -> tuple[int, ...]:
        """Every timed inference."""
        if measure is Measure.PROCESSOR:
            return self.invoke_cpu_ns
        return self.invoke_ns if measure is Measure.WALL else self.invoke_instructions

    @property
    def runs(self) -> int:
        """All inferences, those before the timed ones included."""
        return self.lead_in_runs + len(self.invoke_ns)

    @property
    def cpu_per_run_ns(self) -> float:
        """Processor time of one inference and the writing of its input."""
        return self.cpu_ns / self.runs


# Of blocks in older records, as JSON has them.
NOT_KNOWN = MappingProxyType(
    {"invoke_cpu_ns": [], "invoke_instructions": [], "thread_cpu_ns": 0, "waits": 0}
)


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

    @property
    def is_spoiled(self) -> bool:
        """Whether the board was slowed down in it; other tasks and machines spoil no quad."""
        return any(reason not in OTHERS for reason in self.reasons)

    def of(self, arm: str) -> tuple[BlockSamples, ...]:
        """The two blocks of "A" or "B"."""
        both = zip(self.order, self.blocks, strict=True)
        return tuple(block for name, block in both if name == arm)

    def log_ratio(self, measure: Measure) -> float:
        """Natural logarithm of new over old, each by the faster of its two blocks.

        What disturbs a block makes it slower, never faster: of equal files on a shared
        machine, this scatters half as much as the mean of both, or a fifth.
        """
        old, new = (min(block.p50(measure) for block in self.of(arm)) for arm in ARMS)
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
        """Those whose wall times are the board's own: nothing speaks against them."""
        return tuple(quad for quad in self.quads if not quad.reasons)

    @property
    def is_work_of_one_thread(self) -> bool:
        """Whether the time of an inference is the processor time of the thread that invokes.

        So it is where this thread neither waits (for an accelerator, a timer, a disk) nor has
        others work for it.
        """
        return self.has_processor_time and all(
            _is_work_of_one_thread(self._blocks(arm)) for arm in ARMS
        )

    @property
    def has_processor_time(self) -> bool:
        """Whether it is known of every inference."""
        return all(block.invoke_cpu_ns for quad in self.quads for block in quad.blocks)

    def counted_quads(self, measure: Measure, *, min_quads: int) -> tuple[Quad, ...]:
        """Those that a comparison rests on.

        By the wall clock undisturbed quads are better than others; where they are fewer than
        `min_quads`, all count. Which artifact was slow in a quad has no part in it.
        """
        valid = self.valid_quads
        if measure is Measure.WALL and len(valid) >= min_quads:
            return valid
        return tuple(quad for quad in self.quads if not quad.is_spoiled)

    def log_ratio(self, measure: Measure, *, min_quads: int) -> float | None:
        """Median over the quads that count; None with fewer than `min_quads`.

        Of quads in both orders a steady drift cancels out.
        """
        quads = self.counted_quads(measure, min_quads=min_quads)
        return (
            median(quad.log_ratio(measure) for quad in quads) if len(quads) >= min_quads else None
        )

    def _blocks(self, arm: str) -> list[BlockSamples]:
        return [block for quad in self.quads for block in quad.of(arm)]


def _is_work_of_one_thread(blocks: Sequence[BlockSamples]) -> bool:
    runs, waits = sum(block.runs for block in blocks), sum(block.waits for block in blocks)
    own_ns = sum(block.thread_cpu_ns for block in blocks)
    all_ns = sum(block.cpu_ns for block in blocks)
    return waits <= MAX_WAITS_PER_RUN * runs and own_ns >= MIN_OWN_SHARE * all_ns


def draw_orders(quads: int, rng: random.Random) -> tuple[str, ...]:
    """Draw a random order for each quad; both occur equally often, or one of them once more."""
    orders = [*ORDERS * (quads // 2), *([rng.choice(ORDERS)] if quads % 2 else [])]
    return tuple(rng.sample(orders, quads))
