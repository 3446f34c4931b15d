"""Reads the board between blocks of samples, often and cheaply."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.bench.block_timer import Clock
from strop.runtime.machine.board import cpu_zones, cpufreq_policies, degrees_at, stat_ticks
from strop.runtime.machine.firmware import arm_clock_hz, throttled
from strop.runtime.machine.proc_files import hertz_at, load_average, number_of, text_at
from strop.runtime.units import NS_PER_S

# Boards throttle for seconds, not for blocks. A reading takes 0.4 ms on x86, and some more
# where vcgencmd has to be started twice (2.6 ms there). Behind it the first inference of
# 0.1 ms takes 22 % longer (63 % behind vcgencmd), of 3.1 ms 2 to 4 % (4 to 7 %); after
# the 15 ms of the plan's lead-in it is under 2 %.
MIN_INTERVAL_NS = NS_PER_S // 4
MAX_COST_SHARE = 0.05  # of the time; where reading is slow, it is done less often


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockState:
    """The board at one moment between two rounds of blocks; None means that it does not say.

    The readings around a block are the last one with `rounds` up to the block's number,
    counted from 0, and the first one with more.

    Attributes:
        rounds: Blocks of each artifact that had run before.
        elapsed_ns: Since the first reading.
        cost_ns: How long the reading took.
        throttled: The firmware's word on a Raspberry Pi, see firmware.THROTTLE_BITS.
        arm_clock_hz: The processors' clock, measured by a Raspberry Pi's firmware.
        temperature_c: Of the hottest zone that measures processors, degrees Celsius.
        requested_hz: What is asked of each independent clock; empty without cpufreq.
        allowed_hz: The most that may be asked of each.
        throttle_events: Counter: how often x86 processors were slowed down by heat.
        busy_ticks: Counter: time in which the processors worked or were kept from it.
        steal_ticks: Counter: the part of it in which the host ran somebody else.
        load_average: Runnable tasks over the last minute.
    """

    rounds: int
    elapsed_ns: int
    cost_ns: int
    throttled: int | None
    arm_clock_hz: int | None
    temperature_c: float | None
    requested_hz: tuple[int | None, ...]
    allowed_hz: tuple[int | None, ...]
    throttle_events: int | None
    busy_ticks: int | None
    steal_ticks: int | None
    load_average: float | None


class BoardWatch:
    """Reads the board between rounds of blocks, no more often than MIN_INTERVAL_NS.

    Args:
        root: Where proc/, sys/ and usr/bin/vcgencmd are; another one than "/" for
            recorded files.
        clock: Nanoseconds, monotonic.
    """

    def __init__(self, root: Path = Path("/"), *, clock: Clock = time.perf_counter_ns) -> None:
        self._root = root
        self._clock = clock
        # Looked for once: to find them takes longer than to read them.
        self._zones = cpu_zones(root)
        self._policies = cpufreq_policies(root)
        self._throttle_counts = sorted(
            root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count")
        )
        self._states: list[BlockState] = []
        self._started_ns = 0
        self._due_ns = 0

    @property
    def states(self) -> tuple[BlockState, ...]:
        """Every reading so far, in order."""
        return tuple(self._states)

    def look(self, rounds: int, *, is_last: bool = False) -> bool:
        """Read the board if MIN_INTERVAL_NS have passed.

        Args:
            rounds: Blocks of each artifact that have run.
            is_last: No block follows: read in any case.

        Returns:
            Whether it was read: caches and clock are then another program's.
        """
        now = self._clock()
        if self._states and now < self._due_ns and not is_last:
            return False
        if not self._states:
            self._started_ns = now
        state = self._read(rounds, at_ns=now)
        self._states.append(state)
        pause_ns = max(MIN_INTERVAL_NS, int(state.cost_ns / MAX_COST_SHARE))
        self._due_ns = now + state.cost_ns + pause_ns
        return True

    def _read(self, rounds: int, *, at_ns: int) -> BlockState:
        root = self._root
        ticks, load = stat_ticks(root), load_average(root)
        return BlockState(
            rounds=rounds,
            elapsed_ns=at_ns - self._started_ns,
            throttled=throttled(root),
            arm_clock_hz=arm_clock_hz(root),
            temperature_c=max(degrees_at(self._zones, "temp"), default=None),
            requested_hz=tuple(hertz_at(each / "scaling_cur_freq") for each in self._policies),
            allowed_hz=tuple(hertz_at(each / "scaling_max_freq") for each in self._policies),
            throttle_events=self._throttle_events(),
            busy_ticks=ticks.busy if ticks else None,
            steal_ticks=ticks.steal if ticks else None,
            load_average=load[0] if load else None,
            cost_ns=self._clock() - at_ns,
        )

    def _throttle_events(self) -> int | None:
        counts = [number_of(text_at(path)) for path in self._throttle_counts]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None
