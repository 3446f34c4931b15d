"""Judges an absolute limit of a latency percentile by the inferences that were timed.

MLPerf's early stopping bounds a percentile from above by a sample: so few inferences are slower
than it that chance would leave as few in at most 1 of 100 runs, if the percentile were higher.

Source: MLCommons, LoadGen, early_stopping.cc (confidence 0.99, tolerance 0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

import numpy as np

from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.check.measure.solo import Solo
from strop.runtime.errors import PlanError
from strop.runtime.statistics.intervals import binomial_cumulative, quantile
from strop.runtime.units import NS_PER_UNIT, PERCENT

ALPHA = 0.01  # one-sided
MIN_PERCENT, MAX_PERCENT = 50.0, 99.9
PATTERN = re.compile(r"p(\d{2}(?:\.\d)?)\s*<=\s*(\d+(?:\.\d+)?)\s*(us|ms|s)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Slo:
    """A service level objective of latency.

    Attributes:
        text: As given: "p95<=50ms".
        q: The percentile as a share: 0.95.
        limit_ns: What it may be at most.
    """

    text: str
    q: float
    limit_ns: float


class SloVerdict(str, Enum):
    """What is said of one limit."""

    HELD = "held"
    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True, slots=True)
class SloFinding:
    """One limit, judged; numbers are None where the inferences are too few.

    Attributes:
        slo: The limit.
        verdict: In one word.
        inferences: How many there are.
        p_ns: The percentile as observed.
        high_ns: Upper bound of the percentile, by MLPerf's early stopping.
        low_ns: Lower bound of the percentile, from the blocks that count.
        worst_process_ns: The largest of the processes' own percentiles.
    """

    slo: Slo
    verdict: SloVerdict
    inferences: int
    p_ns: int
    high_ns: int | None
    low_ns: int | None
    worst_process_ns: int


def slo_from_text(text: str) -> Slo:
    """Parse "p95<=50ms"; p50 to p99.9; us, ms or s.

    Raises:
        PlanError: It is something else.
    """
    found = PATTERN.fullmatch(text.strip())
    percent = float(found[1]) if found else 0.0
    limit_ns = float(found[2]) * NS_PER_UNIT[found[3]] if found else 0.0
    if not MIN_PERCENT <= percent <= MAX_PERCENT or not limit_ns > 0:
        raise PlanError(
            f"--slo {text[:80]!r}: needed is a percentile from p{MIN_PERCENT:g} to"
            f" p{MAX_PERCENT:g}, <=, and a time above 0: p95<=50ms"
        )
    return Slo(text=text.strip(), q=percent / PERCENT, limit_ns=limit_ns)


def inferences_needed(q: float) -> int:
    """The fewest with which a percentile can be bounded: 11, 64, 130, 662 for p50 to p99."""
    n = 2
    # One inference over it, or none, has to be rare.
    while q**n + n * (1 - q) * q ** (n - 1) > ALPHA:
        n += 1
    return n


def processes_needed(slos: int) -> int:
    """The fewest processes that can show a limit missed: 7 for one, 8 for two.

    Inferences of one process share more than the artifact, so only processes are independent. If
    half of all processes held the limit, all n would miss it in 2^-n of the checks.

    Args:
        slos: How many limits are judged together.
    """
    return math.ceil(math.log2(slos / ALPHA))


def upper_bound_ns(samples_ns: Sequence[int], q: float) -> int | None:
    """The early-stopping estimate of the q-quantile; None with too few samples.

    Args:
        samples_ns: Independent, any order.
        q: In (0, 1).

    Returns:
        A sample: the true quantile is above it with probability ALPHA at most.
    """
    n = len(samples_ns)
    if n < inferences_needed(q):
        return None
    over = int(np.searchsorted(binomial_cumulative(n, 1 - q), ALPHA, side="right")) - 1
    return sorted(samples_ns)[n - over]


def lower_bound_ns(samples_ns: Sequence[int], q: float, *, alpha: float = ALPHA) -> int | None:
    """The largest sample that the q-quantile is below with probability alpha at most.

    Args:
        samples_ns: Independent, any order.
        q: In (0, 1).
        alpha: In (0, 1).

    Returns:
        None with too few samples.
    """
    n = len(samples_ns)
    if n == 0:
        return None
    below = int(np.searchsorted(binomial_cumulative(n, q), alpha, side="right"))
    return sorted(samples_ns)[below - 1] if below else None


def judge_slo(solos: Sequence[Solo], slo: Slo, plan: CheckPlan, *, slos: int = 1) -> SloFinding:
    """Say what the inferences show about one limit.

    The limit is held if all inferences together and those of each process hold it, with the blocks
    that do not count: a disturbance makes nothing faster. It is missed only if the blocks that
    count miss it, together and in each of at least `processes_needed` processes.

    Args:
        solos: At least one process.
        slo: The limit.
        plan: How many blocks may be invalid.
        slos: How many limits are judged together.
    """
    of_process = [
        list(chain.from_iterable(block.samples.invoke_ns for block in solo.blocks))
        for solo in solos
    ]
    counted_of_process = [
        list(chain.from_iterable(block.invoke_ns for block in solo.valid_blocks))
        for solo in solos
        if solo.valid_blocks
    ]
    every = list(chain.from_iterable(of_process))
    counted = list(chain.from_iterable(counted_of_process))
    high = upper_bound_ns(every, slo.q)
    low = lower_bound_ns(counted, slo.q, alpha=ALPHA / slos)
    blocks = sum(len(solo.blocks) for solo in solos)
    invalid = blocks - sum(len(solo.valid_blocks) for solo in solos)
    worst_ns = max(quantile(samples, slo.q) for samples in of_process)
    miss_all = all(quantile(samples, slo.q) > slo.limit_ns for samples in counted_of_process)
    if high is not None and max(high, worst_ns) <= slo.limit_ns:
        verdict = SloVerdict.HELD
    elif invalid > plan.max_invalid_share * blocks:
        verdict = SloVerdict.INVALID
    elif (
        low is not None
        and low > slo.limit_ns
        and miss_all
        and len(counted_of_process) >= processes_needed(slos)
    ):
        verdict = SloVerdict.MISSED
    else:
        verdict = SloVerdict.INCONCLUSIVE
    return SloFinding(
        slo=slo,
        verdict=verdict,
        inferences=len(every),
        p_ns=quantile(every, slo.q),
        high_ns=high,
        low_ns=low,
        worst_process_ns=worst_ns,
    )
