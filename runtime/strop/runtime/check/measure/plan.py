"""How a check measures and when it decides; every number of it in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from strop.runtime.errors import PlanError


class Metric(str, Enum):
    """What two artifacts are compared by.

    LATENCY is processor time where one thread does all the work, so that other tasks have no part
    in it, and wall time elsewhere; PROCESSOR is that of all threads. What each does not see:
    docs/check.md.
    """

    LATENCY = "latency"
    PROCESSOR = "processor"
    WALL = "wall"
    INSTRUCTIONS = "instructions"


# Of plans in older records.
BY_THE_WALL = MappingProxyType({"metric": Metric.WALL.value})


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckPlan:
    """Thresholds and durations of one check.

    Attributes:
        tolerance: Relative increase of p50 up to which nothing is called a regression.
        limit: Relative increase that a pass excludes, > tolerance.
        alpha: Probability that a bound is wrong, one-sided, for all artifacts of the check
            together.
        stage1_pairs: After these a check may end, but only with a pass.
        max_pairs: Pairs of processes at most.
        pairs: How many; None fits them into `budget_s`.
        budget_s: For one artifact's pairs.
        quads: Groups of four blocks in a pair, half of them ABBA and half BAAB.
        min_valid_quads: A pair with fewer does not count.
        max_invalid_share: Of all quads, in which the board was slowed down; with more, nothing is
            decided.
        block_runs: Timed inferences in a block, at least.
        block_duration_s: Sum of these, at least.
        lead_in_duration_s: What is run before them in every block and not counted.
        warmup_duration_s: Inferences of a fresh process before its first block, at least.
        max_warmup_duration_s: The same, at most, if the latency has not settled earlier.
        inputs: Different tensors, taken in turn; the same for both artifacts.
        seed: Of all random choices, and of the inputs.
        num_threads: Within one inference.
        metric: What pairs are compared by.
    """

    tolerance: float = 0.02
    limit: float = 0.05
    alpha: float = 0.01
    stage1_pairs: int = 6
    max_pairs: int = 16
    pairs: int | None = None
    budget_s: float = 90.0
    quads: int = 4
    min_valid_quads: int = 3
    max_invalid_share: float = 0.25
    block_runs: int = 5
    block_duration_s: float = 0.05
    lead_in_duration_s: float = 0.025  # caches, and the clock of governors that follow the load
    warmup_duration_s: float = 0.25
    max_warmup_duration_s: float = 1.0
    inputs: int = 4
    seed: int = 0
    num_threads: int = 1
    metric: Metric = Metric.LATENCY

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < self.limit < 1:
            raise PlanError(
                f"plan: tolerance {self.tolerance:g} and limit {self.limit:g}; needed are"
                " 0 <= tolerance < limit < 1. Between the two lies what is neither"
            )
        if not 0 < self.alpha < 0.5:
            raise PlanError(f"plan: alpha is {self.alpha:g}; needed is 0 to 0.5")
        for name in (
            "stage1_pairs",
            "max_pairs",
            "quads",
            "min_valid_quads",
            "block_runs",
            "inputs",
        ):
            if getattr(self, name) < 1:
                raise PlanError(f"plan: {name} is {getattr(self, name)}; needed is 1 or more")
        for name in ("budget_s", "block_duration_s", "warmup_duration_s"):
            if not getattr(self, name) > 0:
                raise PlanError(f"plan: {name} is {getattr(self, name):g}; needed is > 0")

    def least_pairs(self, artifacts: int) -> int:
        """The fewest pairs that can show a regression of any size.

        Args:
            artifacts: How many are tested together.
        """
        # All n pairs slower has probability 2^-n in equal files.
        return max(self.stage1_pairs, math.ceil(math.log2(artifacts / self.alpha)))

    def planned_pairs(self, duration_s: float) -> int:
        """How many pairs there are at most, by how long the first took."""
        return self.pairs or min(self.max_pairs, int(self.budget_s / duration_s))
