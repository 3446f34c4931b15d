"""Waits until the board is cool, so that a short measurement begins at full speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from strop.runtime.machine.board import BoardState, board_state

COOL_C = 65.0  # a Raspberry Pi slows down from 80 on; under load it gains a degree in seconds
HEADROOM_C = 5.0  # below a limit that is lower: the 3A+ and 3B+ slow down from 60 on
DEFAULT_LIMIT_S = 120.0
POLL_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CoolDown:
    """How a wait for a cool board went.

    Attributes:
        waited_s: How long.
        from_c: Temperature before, degrees Celsius.
        to_c: Temperature after.
        cool_c: What was waited for.
    """

    waited_s: float
    from_c: float
    to_c: float
    cool_c: float

    @property
    def is_cool(self) -> bool:
        """Whether the board was as cool as was waited for."""
        return self.to_c < self.cool_c


def cool_down(
    *,
    limit_s: float,
    on_wait: Callable[[float, float], None],
    read: Callable[[], BoardState] = board_state,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> CoolDown | None:
    """Wait until the board is below COOL_C, or HEADROOM_C below its own limit.

    Args:
        limit_s: The longest wait; the board may still be hot after it.
        on_wait: Called before the first wait, with the temperature and what is waited for.
        read: The board's state.
        sleep: Seconds.
        clock: Seconds, monotonic.

    Returns:
        None if the board reports no temperature: then nothing is waited for.
    """
    state = read()
    from_c = to_c = state.temperature_c
    if from_c is None or to_c is None:
        return None
    limit_c = state.temperature_limit_c
    cool_c = COOL_C if limit_c is None else min(COOL_C, limit_c - HEADROOM_C)
    start = clock()
    if from_c >= cool_c and limit_s > 0:
        on_wait(from_c, cool_c)
    while to_c >= cool_c and (waited_s := clock() - start) < limit_s:
        sleep(min(POLL_S, limit_s - waited_s))
        to_c = _temperature_or(to_c, read())
    return CoolDown(waited_s=clock() - start, from_c=from_c, to_c=to_c, cool_c=cool_c)


def _temperature_or(last_c: float, state: BoardState) -> float:
    return last_c if state.temperature_c is None else state.temperature_c
