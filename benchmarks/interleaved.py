"""Times opened files in turn, so that drifting clocks and other load meet all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from strop.runtime.engines import Engine

NS_PER_MS = 1e6


def medians_in_turn_ms(
    engines: Mapping[str, Engine], *, rounds: int, block: int
) -> dict[str, list[float]]:
    """Time each file once per round, the next one first in every round.

    Args:
        engines: By name, their inputs filled; each is run once in front of a block, untimed.
        rounds: How many.
        block: Timed inferences of a file in a round.

    Returns:
        Of each file the median of a block in milliseconds, one per round.
    """
    samples: dict[str, list[float]] = {name: [] for name in engines}
    names = list(engines)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            engine, blocks = engines[name], []
            engine.invoke()
            for _ in range(block):
                start = time.perf_counter_ns()
                engine.invoke()
                blocks.append(time.perf_counter_ns() - start)
            samples[name].append(statistics.median(blocks) / NS_PER_MS)
    return samples


def median_ratio(samples: list[float], others: list[float]) -> float:
    """Return the median over the rounds of how long a file takes, as a share of another one."""
    return statistics.median(one / other for one, other in zip(samples, others, strict=True))
