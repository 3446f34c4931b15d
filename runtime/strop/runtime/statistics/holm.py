"""Decides several tests at once: a false alarm among all of them is as rare as in one."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], *, alpha: float) -> tuple[bool, ...]:
    """Whether each hypothesis is rejected; any false rejection has probability <= alpha.

    Args:
        p_values: One per hypothesis, dependent or not.
        alpha: For all of them together.

    Source: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian
    Journal of Statistics 6 (1979), 65-70.
    """
    rejected = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(order):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        rejected[index] = True
    return tuple(rejected)
