"""An absolute limit of a percentile, and when so many inferences show that it is held.

MLPerf's early stopping: of the slowest inferences, as many are put aside as would have been
seen by chance in fewer than 1 of 100 runs whose percentile is what is left.

Source: MLCommons, LoadGen, early_stopping.cc (confidence 0.99, tolerance 0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strop.runtime.errors import PlanError
from strop.runtime.statistics.intervals import binomial_cumulative
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

    Within a process inferences are alike in more than the artifact, so that processes are
    what is independent. If half of all processes held the limit, all n would miss it in
    2^-n of the checks.

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
