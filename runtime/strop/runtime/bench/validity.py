"""Judges whether a record's numbers are those of a board at full speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from strop.runtime.bench.block_state import BlockState
from strop.runtime.bench.record import BenchRecord
from strop.runtime.machine.disturbance import MARGIN_C, Disturbance, disturbances
from strop.runtime.machine.firmware import new_throttle_names, throttle_names

MIN_CLOCK_SHARE = 0.97  # of the clock around the first block
MAX_INVALID_SHARE = 0.25  # of the blocks

# What a board may report between the blocks; without any of it, nothing supports the numbers.
THROTTLING, MEASURED_CLOCK, TEMPERATURE = REPORTS = ("throttling", "measured clock", "temperature")
# What `disturbances` finds in the two moments before and after, and which report between the
# blocks says the same more exactly: a short moment of it spoils a few blocks, not the run.
SEEN_BY_BLOCKS = MappingProxyType({"throttled": THROTTLING, "hot": TEMPERATURE})


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidBlock:
    """A block during which the board was not at its full speed.

    Attributes:
        block: Number, from 0; the same of every artifact, as they take turns.
        reasons: "under-voltage", "clock capped", "throttled", "soft temperature limit",
            "hot", "slow clock", "lowered clock".
    """

    block: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validity:
    """What speaks for and against a record.

    Attributes:
        blocks: How many each artifact has.
        invalid_blocks: Those of them that do not count.
        not_told: Those of REPORTS that the board does not give.
        disturbances: What was found in its states before and after.
    """

    blocks: int
    invalid_blocks: tuple[InvalidBlock, ...]
    not_told: tuple[str, ...]
    disturbances: tuple[Disturbance, ...]

    @property
    def invalid_share(self) -> float:
        """Of the blocks, 0..1."""
        return len(self.invalid_blocks) / self.blocks if self.blocks else 0.0

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks each reason spoiled, the most frequent first."""
        return dict(
            Counter(
                reason for block in self.invalid_blocks for reason in block.reasons
            ).most_common()
        )

    @property
    def is_usable(self) -> bool | None:
        """Whether a gate may judge by these numbers.

        Returns:
            False where more than MAX_INVALID_SHARE of the blocks are invalid or the run
            was disturbed; None where nothing speaks against it, and the board reports
            neither throttling nor clock nor temperature that could.
        """
        if self.invalid_share > MAX_INVALID_SHARE or any(map(self._counts, self.disturbances)):
            return False
        return None if self.not_told == REPORTS else True

    def _counts(self, found: Disturbance) -> bool:
        """Whether it spoils the whole run, not only some blocks."""
        return SEEN_BY_BLOCKS.get(found.name) not in set(REPORTS) - set(self.not_told)


def validity(record: BenchRecord) -> Validity:
    """Judge a record by the states of the board before, between the blocks, and after.

    What counts are the blocks that the artifacts ran in turn. A sustained load is meant to
    heat the board: see `throttled_share`.
    """
    states = record.block_states
    blocks = max((len(each.samples.blocks) for each in record.artifacts), default=0)
    return Validity(
        blocks=blocks,
        invalid_blocks=invalid_blocks(states, blocks=blocks, full=_full_speed(record)),
        not_told=_not_told(states),
        disturbances=disturbances(record.board_before, record.board_after),
    )


def throttled_share(
    states: Sequence[BlockState], *, blocks: int, first: int = 0, record: BenchRecord
) -> float | None:
    """Share of the blocks of one artifact alone that ran below the board's full speed, 0..1.

    Args:
        states: The board between the blocks of a sustained load, or the windows of energy.
        blocks: How many have run.
        first: Of those that count.
        record: Says what full speed is: its first block's clock.

    Returns:
        None if the board reports neither throttling nor clock nor temperature.
    """
    if _not_told(states) == REPORTS:
        return None
    invalid = invalid_blocks(states, blocks=blocks, full=_full_speed(record))
    return sum(each.block >= first for each in invalid) / (blocks - first)


def _not_told(states: Sequence[BlockState]) -> tuple[str, ...]:
    given = set()
    for state in states:
        if state.throttled is not None or state.throttle_events is not None:
            given.add(THROTTLING)
        if state.arm_clock_hz is not None:
            given.add(MEASURED_CLOCK)
        if state.temperature_c is not None:
            given.add(TEMPERATURE)
    return tuple(name for name in REPORTS if name not in given)


@dataclass(frozen=True, kw_only=True, slots=True)
class FullSpeed:
    """The readings of a board that nothing slows down.

    Attributes:
        clock_hz: Measured clock; 0 if the board reports none.
        allowed_hz: The most that may be asked of each clock.
        temperature_limit_c: Where the board starts to be slowed down.
    """

    clock_hz: int
    allowed_hz: tuple[int | None, ...]
    temperature_limit_c: float | None


def full_speed(states: Sequence[BlockState], *, temperature_limit_c: float | None) -> FullSpeed:
    """The board's full speed, which is that of the first block.

    Args:
        states: Those around the first block come first.
        temperature_limit_c: Of the board's state.
    """
    first = states[:2]
    return FullSpeed(
        clock_hz=max((each.arm_clock_hz or 0 for each in first), default=0),
        allowed_hz=first[0].allowed_hz if first else (),
        temperature_limit_c=temperature_limit_c,
    )


def _full_speed(record: BenchRecord) -> FullSpeed:
    limit_c = record.board_before.temperature_limit_c
    return full_speed(record.block_states, temperature_limit_c=limit_c)


def invalid_blocks(
    states: Sequence[BlockState], *, blocks: int, full: FullSpeed
) -> tuple[InvalidBlock, ...]:
    """The blocks that a reading before, after or between these two speaks against.

    Args:
        states: In order.
        blocks: How many have run.
        full: What is amiss is measured by it.
    """
    found = []
    for before, after in pairwise(states):
        reasons = dict.fromkeys(
            reason for state in (before, after) for reason in _reasons(state, full)
        )
        reasons |= dict.fromkeys(_new_since(before, after))
        if reasons:
            numbers = range(before.rounds, min(after.rounds, blocks))
            found += [InvalidBlock(block=number, reasons=tuple(reasons)) for number in numbers]
    return tuple(found)


def _new_since(before: BlockState, after: BlockState) -> Iterator[str]:
    """What came and went between two readings, and left a trace."""
    if before.throttled is not None and after.throttled is not None:
        yield from new_throttle_names(before.throttled, after.throttled)
    counts = (before.throttle_events, after.throttle_events)
    if None not in counts and len(set(counts)) > 1:
        yield "throttled"


def _reasons(state: BlockState, full: FullSpeed) -> Iterator[str]:
    temperature_c, limit_c = state.temperature_c, full.temperature_limit_c
    if state.throttled is not None:
        yield from throttle_names(state.throttled)
    if temperature_c is not None and limit_c is not None and temperature_c >= limit_c - MARGIN_C:
        yield "hot"
    if state.arm_clock_hz is not None and state.arm_clock_hz < MIN_CLOCK_SHARE * full.clock_hz:
        yield "slow clock"
    for now_hz, first_hz in zip(state.allowed_hz, full.allowed_hz, strict=False):
        if now_hz is not None and first_hz is not None and now_hz < MIN_CLOCK_SHARE * first_hz:
            yield "lowered clock"
