"""Derives the figures of a check from its raw samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median

from strop.runtime.check.measure.samples import ARMS, A, Measure, Pair, Start
from strop.runtime.statistics.intervals import percentile_ns


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmFigures:
    """The figures of one of the two artifacts; None where no sample counts.

    Attributes:
        p50_ns: Median of the counted blocks' medians: processor time if the verdict is about
            that, else wall time.
        p90_ns: 9 of 10 inferences took no longer by the wall clock, those of disturbed quads left
            out; None, like p99, where they are too few to state it.
        p99_ns: 99 of 100 took no longer. On a shared machine other processes make most of the tail.
        n: Inferences of `p50_ns`.
        instructions: Median of the counted blocks' medians; None where they were not counted.
        load_ns: Opening the artifact in a fresh process, median of all pairs.
        first_invoke_ns: The first inference in that process, median of all pairs.
        peak_rss_bytes: Most physical memory that the process held, median of all pairs.
    """

    p50_ns: float | None
    p90_ns: int | None
    p99_ns: int | None
    n: int
    instructions: float | None
    load_ns: float
    first_invoke_ns: float
    peak_rss_bytes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PairFigures:
    """Both artifacts, and whether their answers are the same.

    Attributes:
        old: The baseline.
        new: The new artifact.
        has_same_inputs: Whether both were run on the same tensors.
        has_same_outputs: Whether their answers were the same, bit for bit.
        max_output_diff: Largest difference between their scores; None where their shapes
            differ.
    """

    old: ArmFigures
    new: ArmFigures
    has_same_inputs: bool
    has_same_outputs: bool
    max_output_diff: float | None

    @property
    def peaks_bytes(self) -> tuple[float, float]:
        """Peak memory of the old and of the new artifact."""
        return self.old.peak_rss_bytes, self.new.peak_rss_bytes


def pair_figures(
    pairs: Sequence[Pair], *, measure: Measure = Measure.WALL, min_quads: int
) -> PairFigures:
    """Derive the figures from pairs, at least one.

    Args:
        pairs: As measured.
        measure: What the verdict is about.
        min_quads: The fewest of a pair that count, of the plan that the verdict is by.
    """
    old, new = (_arm_figures(pairs, arm, measure, min_quads) for arm in ARMS)
    differences = [pair.max_output_diff for pair in pairs if pair.max_output_diff is not None]
    return PairFigures(
        old=old,
        new=new,
        has_same_inputs=all(pair.old.inputs_sha256 == pair.new.inputs_sha256 for pair in pairs),
        has_same_outputs=all(pair.old.outputs_sha256 == pair.new.outputs_sha256 for pair in pairs),
        max_output_diff=max(differences, default=None),
    )


def _arm_figures(pairs: Sequence[Pair], arm: str, measure: Measure, min_quads: int) -> ArmFigures:
    counted = (pair.counted_quads(measure, min_quads=min_quads) for pair in pairs)
    blocks = [block for quads in counted for quad in quads for block in quad.of(arm)]
    calm = (block for pair in pairs for quad in pair.valid_quads for block in quad.of(arm))
    samples = list(chain.from_iterable(block.invoke_ns for block in calm))
    time = Measure.WALL if measure is Measure.INSTRUCTIONS else measure
    instructions = [
        block.p50(Measure.INSTRUCTIONS) for block in blocks if block.invoke_instructions
    ]
    starts: list[Start] = [pair.old if arm == A else pair.new for pair in pairs]
    return ArmFigures(
        p50_ns=median(block.p50(time) for block in blocks) if blocks else None,
        p90_ns=percentile_ns(samples, 0.9),
        p99_ns=percentile_ns(samples, 0.99),
        n=sum(len(block.invoke_ns) for block in blocks),
        instructions=median(instructions) if instructions else None,
        load_ns=median(start.load_ns for start in starts),
        first_invoke_ns=median(start.first_invoke_ns for start in starts),
        peak_rss_bytes=median(start.peak_rss_bytes for start in starts),
    )
