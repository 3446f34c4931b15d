"""Says what disturbed a quad of blocks; which artifact was slow in it is never a reason."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from strop.runtime.bench.block_state import BlockState
from strop.runtime.bench.validity import full_speed, invalid_blocks
from strop.runtime.check.measure.samples import STOLEN, SWITCHED, Quad
from strop.runtime.machine.disturbance import MAX_STEAL_SHARE

MIN_STEAL_TICKS = 2  # one is the counter's grain
# Of a block's inferences, those that another task may have interrupted: its median stands
# while fewer than half were. Equal files of 0.1 ms, on two cores with 8 tasks: 20 to 40 in
# 1,500 were, and quads differed by 0.2 % at most.
MAX_SWITCHED_SHARE = 0.25
MIN_SWITCHES = 2


def reasons(
    quads: Sequence[Quad],
    *,
    first: int,
    states: Sequence[BlockState],
    temperature_limit_c: float | None,
) -> tuple[tuple[str, ...], ...]:
    """List for each quad what disturbed it; the list of one that nothing disturbed is empty.

    Args:
        quads: As they ran.
        first: The number of the first among all quads that `states` are about.
        states: Readings of the board between quads.
        temperature_limit_c: Where the board starts to be slowed down.
    """
    end = first + len(quads)
    full = full_speed(states, temperature_limit_c=temperature_limit_c)
    found: list[dict[str, None]] = [{} for _ in quads]
    for block in invalid_blocks(states, blocks=end, full=full):
        if block.block >= first:
            found[block.block - first] |= dict.fromkeys(block.reasons)
    for number in _stolen(states):
        if first <= number < end:
            found[number - first][STOLEN] = None
    for quad, why in zip(quads, found, strict=True):
        if _is_switched(quad):
            why[SWITCHED] = None
    return tuple(map(tuple, found))


def _stolen(states: Sequence[BlockState]) -> list[int]:
    """Quads in which the host gave the processors to others."""
    numbers: list[int] = []
    for before, after in pairwise(states):
        steal = _growth(before.steal_ticks, after.steal_ticks)
        busy = _growth(before.busy_ticks, after.busy_ticks)
        if steal >= MIN_STEAL_TICKS and steal > MAX_STEAL_SHARE * busy:
            numbers += range(before.rounds, after.rounds)
    return numbers


def _growth(before: int | None, after: int | None) -> int:
    return 0 if before is None or after is None else after - before


def _is_switched(quad: Quad) -> bool:
    return any(
        block.switches > max(MIN_SWITCHES, MAX_SWITCHED_SHARE * block.runs) for block in quad.blocks
    )
