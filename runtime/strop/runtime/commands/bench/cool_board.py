"""Waits for a hot board to cool down before a measurement, and says so."""

from __future__ import annotations

from strop import console
from strop.runtime.machine.cooldown import CoolDown, cool_down
from strop.runtime.machine.disturbance import COOL_REMEDY


def cool_board(limit_s: float) -> CoolDown | None:
    """Wait at most so long; None where the board tells no temperature."""

    def say(now_c: float, cool_c: float) -> None:
        console.note(f"{now_c:.1f} °C: waiting {limit_s:g} s at most to get below {cool_c:g} °C")

    cooled = cool_down(limit_s=limit_s, on_wait=say)
    if cooled is not None and not cooled.is_cool:
        console.note(
            f"still {cooled.to_c:.1f} °C after {cooled.waited_s:.0f} s: what follows may be slower"
            f" than the board can be; {COOL_REMEDY}"
        )
    return cooled
