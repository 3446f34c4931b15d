"""Compares the board's state before and after a run, to find what disturbed it."""

from __future__ import annotations

from dataclasses import dataclass

from strop.runtime.machine.board import BoardState
from strop.runtime.machine.firmware import new_throttle_names, throttle_names
from strop.runtime.units import US_PER_S

HZ_PER_GHZ = 1_000_000_000
MARGIN_C = 3.0  # below the limit; a state is two moments, and it was hotter in between
MAX_STEAL_SHARE = 0.02  # one sample in fifty is then another machine's; a p90 still holds
MAX_WAITING_SHARE = 0.1  # of the time: a p90 may then be another task's

COOL_REMEDY = "give it a heat sink or a fan and let it cool down"
POWER_REMEDY = "use the supply made for this board, a short cable, and fewer USB devices"
CLOCK_REMEDY = "let it cool down, or write cpuinfo_max_freq to cpufreq's scaling_max_freq"
QUOTA_REMEDY = "start the container without a limit (docker run --cpus)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Disturbance:
    """Something about a machine that stands in the way of good numbers, or of running.

    Attributes:
        name: What it is about: "throttled", "governor".
        found: What was seen, with the value.
        remedy: What to do.
    """

    name: str
    found: str
    remedy: str


def disturbances(before: BoardState, after: BoardState) -> tuple[Disturbance, ...]:
    """What made a run between the two states slower or less even than the board can be.

    A board that reports nothing gives no findings; its states then have None. What came and
    went between the states is seen in counters and in the firmware's memory since boot, not in
    temperature and clock.

    Args:
        before: State before the run.
        after: State of the same board after it.
    """
    return (
        *_throttled(before, after),
        *(capped(after) or capped(before)),
        *hot(max(before, after, key=lambda state: state.temperature_c or 0.0)),
        *_stolen(before, after),
        *_stopped(before, after),
        *_waited(before, after),
    )


def hot(state: BoardState) -> tuple[Disturbance, ...]:
    """Whether the processor is within MARGIN_C of where it is slowed down, or above."""
    temperature_c, limit_c = state.temperature_c, state.temperature_limit_c
    if temperature_c is None or limit_c is None or temperature_c < limit_c - MARGIN_C:
        return ()
    found = f"{temperature_c:.1f} °C; it is slowed down from {limit_c:g} °C on"
    return (Disturbance(name="hot", found=found, remedy=COOL_REMEDY),)


def capped(state: BoardState) -> tuple[Disturbance, ...]:
    """Whether a clock is kept below what the hardware can do, by heat or by a setting."""
    for clock in state.clocks:
        allowed_hz, hardware_hz = clock.allowed_hz, clock.hardware_hz
        if allowed_hz is not None and hardware_hz is not None and allowed_hz < hardware_hz:
            found = (
                f"the clock may be {allowed_hz / HZ_PER_GHZ:g} GHz,"
                f" the hardware's is {hardware_hz / HZ_PER_GHZ:g} GHz"
            )
            return (Disturbance(name="clock", found=found, remedy=CLOCK_REMEDY),)
    return ()


def throttle_remedy(names: tuple[str, ...]) -> str:
    """What to do about those of THROTTLE_BITS; power first: the rest often follows from it."""
    return POWER_REMEDY if "under-voltage" in names else COOL_REMEDY


def _throttled(before: BoardState, after: BoardState) -> tuple[Disturbance, ...]:
    words = [state.throttled for state in (before, after) if state.throttled is not None]
    names = [name for word in words for name in throttle_names(word)]
    if len(words) == 2:
        names += new_throttle_names(*words)
    if not names:
        return ()
    distinct = tuple(dict.fromkeys(names))
    found = f"{', '.join(distinct)} (get_throttled: {' and '.join(f'{word:#x}' for word in words)})"
    return (Disturbance(name="throttled", found=found, remedy=throttle_remedy(distinct)),)


def _stolen(before: BoardState, after: BoardState) -> tuple[Disturbance, ...]:
    steal = _growth(before.steal_ticks, after.steal_ticks)
    busy = _growth(before.busy_ticks, after.busy_ticks)
    if not busy or steal is None or steal / busy <= MAX_STEAL_SHARE:
        return ()
    found = f"the host took {steal / busy:.0%} of the processors' busy time for others"
    remedy = "measure on a host that is not shared, or at another time"
    return (Disturbance(name="stolen time", found=found, remedy=remedy),)


def _stopped(before: BoardState, after: BoardState) -> tuple[Disturbance, ...]:
    stopped_us = _growth(before.quota_stopped_us, after.quota_stopped_us)
    if not stopped_us:
        return ()
    found = f"the cgroup was stopped for {stopped_us / US_PER_S:.3g} s, its quota being used up"
    return (Disturbance(name="quota", found=found, remedy=QUOTA_REMEDY),)


def _waited(before: BoardState, after: BoardState) -> tuple[Disturbance, ...]:
    waiting_us = _growth(before.waiting_us, after.waiting_us)
    if waiting_us is None or before.uptime_s is None or after.uptime_s is None:
        return ()
    elapsed_us = (after.uptime_s - before.uptime_s) * US_PER_S
    if elapsed_us <= 0 or waiting_us / elapsed_us <= MAX_WAITING_SHARE:
        return ()
    found = f"tasks waited for a processor in {min(waiting_us / elapsed_us, 1):.0%} of the time"
    remedy = "end what else runs here, or use fewer --threads"
    return (Disturbance(name="busy", found=found, remedy=remedy),)


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
