"""What is read between blocks: from a Pi's and a PC's files, and no more often than it may."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, POLICY, STAT, ZONE, recorded, vcgencmd, x86_throttle_counts

from strop.runtime.bench import block_state
from strop.runtime.bench.block_state import MAX_COST_SHARE, MIN_INTERVAL_NS, BlockState, BoardWatch


class FakeClock:
    """Nanoseconds that pass only when someone adds them."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


def test_a_pi_tells_all_but_what_x86_counts(tmp_path: Path) -> None:
    files = vcgencmd("throttled=0x20002", clock="frequency(48)=1400257536")
    watch = BoardWatch(recorded(tmp_path, PI_4, files), clock=FakeClock())
    assert watch.look(0)
    assert watch.states == (
        BlockState(
            rounds=0,
            elapsed_ns=0,
            cost_ns=0,
            throttled=0x20002,
            arm_clock_hz=1_400_257_536,
            temperature_c=48.312,
            requested_hz=(600_000_000,),
            allowed_hz=(1_800_000_000,),
            throttle_events=None,
            busy_ticks=1600,
            steal_ticks=0,
            load_average=0.42,
        ),
    )


def test_a_pc_tells_how_often_it_was_slowed_down(tmp_path: Path) -> None:
    watch = BoardWatch(recorded(tmp_path, x86_throttle_counts(core=(2, 3), package=(7, 7))))
    watch.look(0)
    recorded(tmp_path, x86_throttle_counts(core=(2, 4), package=(8, 8)))
    watch.look(1, is_last=True)
    assert [state.throttle_events for state in watch.states] == [19, 22]


def test_what_a_machine_does_not_tell_is_none(tmp_path: Path) -> None:
    watch = BoardWatch(tmp_path)
    watch.look(0)
    (state,) = watch.states
    assert (state.throttled, state.arm_clock_hz, state.temperature_c) == (None, None, None)
    assert (state.throttle_events, state.busy_ticks, state.load_average) == (None, None, None)
    assert (state.requested_hz, state.allowed_hz) == ((), ())


def test_every_reading_is_a_new_one(tmp_path: Path) -> None:
    watch = BoardWatch(recorded(tmp_path, PI_4))
    watch.look(0)
    later = {ZONE + "temp": "79000\n", POLICY + "scaling_max_freq": "1000000\n"}
    recorded(tmp_path, later, {"proc/stat": STAT.format(steal=9)})
    watch.look(4, is_last=True)
    _, second = watch.states
    assert (second.rounds, second.temperature_c, second.steal_ticks) == (4, 79, 9)
    assert second.allowed_hz == (1_000_000_000,)
    assert second.elapsed_ns > 0


def test_the_board_is_read_once_in_an_interval_and_at_the_end(tmp_path: Path) -> None:
    clock = FakeClock()
    watch = BoardWatch(tmp_path, clock=clock)
    looked = []
    for rounds in range(11):
        looked.append(watch.look(rounds))
        clock.now += MIN_INTERVAL_NS // 4
    assert looked == [True, *[False] * 3] * 2 + [True, False, False]
    assert watch.look(11, is_last=True)
    assert [state.rounds for state in watch.states] == [0, 4, 8, 11]


@pytest.mark.parametrize("cost_ns", [1_000_000, 40_000_000, 4_000_000_000])
def test_reading_takes_no_more_than_its_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost_ns: int
) -> None:
    clock = FakeClock()

    def slow(root: Path) -> int:
        clock.now += cost_ns
        return 0

    monkeypatch.setattr(block_state, "throttled", slow)
    watch = BoardWatch(tmp_path, clock=clock)
    start = clock.now
    while len(watch.states) < 20:
        watch.look(0)
        clock.now += 10_000_000  # a block
    assert {state.cost_ns for state in watch.states} == {cost_ns}
    # The pause behind the last reading has only begun.
    pauses_ns = clock.now - start - 20 * cost_ns
    assert 19 * cost_ns <= MAX_COST_SHARE * pauses_ns
