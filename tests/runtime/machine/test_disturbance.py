"""What counts as a disturbed run, from two states of a recorded Raspberry Pi."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.boards import PI_4, recorded

from strop.runtime.machine.board import BoardState, Clock, board_state
from strop.runtime.machine.disturbance import Disturbance, disturbances


@pytest.fixture
def calm(tmp_path: Path) -> BoardState:
    """A Pi 4 that tells everything, and all is well."""
    state = board_state(recorded(tmp_path, PI_4))
    return replace(state, throttled=0, waiting_us=0, quota_stopped_us=0)


def later(state: BoardState, **changes: object) -> BoardState:
    """The state ten seconds later, the processors having worked 1,000 ticks more."""
    assert state.uptime_s is not None
    assert state.busy_ticks is not None
    moved = replace(state, uptime_s=state.uptime_s + 10, busy_ticks=state.busy_ticks + 1000)
    return replace(moved, **changes)  # type: ignore[arg-type]  # each test names fields


def the_only(findings: tuple[Disturbance, ...]) -> Disturbance:
    (finding,) = findings
    return finding


def test_a_calm_run_is_not_disturbed(calm: BoardState) -> None:
    assert disturbances(calm, later(calm)) == ()


def test_a_board_that_tells_nothing_gives_no_findings(tmp_path: Path) -> None:
    silent = board_state(tmp_path)
    assert disturbances(silent, silent) == ()


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (0x50005, 0x50000, "under-voltage, throttled (get_throttled: 0x50005 and 0x50000)"),
        (0, 0x8, "soft temperature limit (get_throttled: 0x0 and 0x8)"),
        (0x10000, 0x50000, "throttled (get_throttled: 0x10000 and 0x50000)"),
        (None, 0x2, "clock capped (get_throttled: 0x2)"),
    ],
)
def test_throttled_before_after_or_in_between_is_found(
    calm: BoardState, before: int | None, after: int, names: str
) -> None:
    found = disturbances(replace(calm, throttled=before), later(calm, throttled=after))
    assert the_only(found).found == names


@pytest.mark.parametrize(("before", "after"), [(0x50000, 0x50000), (None, 0x50000), (0, None)])
def test_throttling_of_before_the_run_does_not_disturb_it(
    calm: BoardState, before: int | None, after: int | None
) -> None:
    assert not disturbances(replace(calm, throttled=before), later(calm, throttled=after))


@pytest.mark.parametrize(
    ("word", "remedy"), [(0x5, "use the supply made for this board"), (0x8, "a heat sink or a fan")]
)
def test_bad_power_and_heat_have_different_remedies(
    calm: BoardState, word: int, remedy: str
) -> None:
    assert remedy in the_only(disturbances(calm, later(calm, throttled=word))).remedy


def test_heat_near_the_limit_before_or_after_is_found(calm: BoardState) -> None:
    hot = the_only(disturbances(calm, later(calm, temperature_c=77.0)))
    assert hot.found == "77.0 °C; it is slowed down from 80 °C on"
    assert "heat sink or a fan" in hot.remedy
    assert disturbances(replace(calm, temperature_c=82.0), later(calm))
    assert not disturbances(calm, later(calm, temperature_c=76.9))
    assert not disturbances(calm, later(calm, temperature_c=99.0, temperature_limit_c=None))


def test_a_clock_below_the_hardwares_is_found(calm: BoardState) -> None:
    slow = Clock(frequency_hz=1, allowed_hz=1_000_000_000, hardware_hz=1_800_000_000)
    found = the_only(disturbances(calm, later(calm, clocks=(*calm.clocks, slow))))
    assert found.found == "the clock may be 1 GHz, the hardware's is 1.8 GHz"
    assert "scaling_max_freq" in found.remedy
    assert the_only(disturbances(replace(calm, clocks=(slow,)), later(calm))) == found


def test_time_that_the_host_took_is_found_above_two_percent(calm: BoardState) -> None:
    found = the_only(disturbances(calm, later(calm, steal_ticks=30)))
    assert found.found == "the host took 3% of the processors' busy time for others"
    assert "a host that is not shared" in found.remedy
    assert not disturbances(calm, later(calm, steal_ticks=20))


def test_a_used_up_quota_is_found(calm: BoardState) -> None:
    found = the_only(disturbances(calm, later(calm, quota_stopped_us=250_000)))
    assert found.found == "the cgroup was stopped for 0.25 s, its quota being used up"
    assert "--cpus" in found.remedy


def test_tasks_that_wait_for_processors_are_found_above_a_tenth_of_the_time(
    calm: BoardState,
) -> None:
    found = the_only(disturbances(calm, later(calm, waiting_us=4_000_000)))
    assert found.found == "tasks waited for a processor in 40% of the time"
    assert "fewer --threads" in found.remedy
    assert not disturbances(calm, later(calm, waiting_us=1_000_000))


def test_every_disturbance_is_named(calm: BoardState) -> None:
    after = later(calm, throttled=4, temperature_c=85.0, steal_ticks=500, waiting_us=9_000_000)
    names = [found.name for found in disturbances(calm, after)]
    assert names == ["throttled", "hot", "stolen time", "busy"]
