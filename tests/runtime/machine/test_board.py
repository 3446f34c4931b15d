"""What is read of a board's state, from files as Raspberry Pis, a PC and a container have them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.runtime.boards import (
    PI_3_PLUS,
    PI_4,
    PI_5,
    POLICY,
    PRESSURE,
    STAT,
    ZERO_2_W,
    ZONE,
    recorded,
    vcgencmd,
)

from strop.runtime.machine.board import Clock, board_state


@pytest.mark.parametrize(
    ("files", "temperature_c", "limit_c", "clock_mhz"),
    [
        (PI_3_PLUS, 58.534, 60, (600, 1400)),
        (PI_4, 48.312, 80, (600, 1800)),
        (PI_5, 50.7, 80, (1500, 2400)),
        (ZERO_2_W, 44.008, 80, (600, 1000)),
    ],
)
def test_a_pi_tells_its_heat_and_its_clock(
    tmp_path: Path,
    files: dict[str, str],
    temperature_c: float,
    limit_c: float,
    clock_mhz: tuple[int, int],
) -> None:
    found = board_state(recorded(tmp_path, files))
    frequency_hz, most_hz = (mhz * 1_000_000 for mhz in clock_mhz)
    clock = Clock(frequency_hz=frequency_hz, allowed_hz=most_hz, hardware_hz=most_hz)
    assert found.temperature_c == temperature_c
    assert found.temperature_limit_c == limit_c
    assert found.clocks == (clock,)
    assert found.throttled is None
    assert found.uptime_s == 350.44
    assert found.load_average == (0.42, 0.17, 0.05)


def test_the_firmwares_word_is_part_of_the_state(tmp_path: Path) -> None:
    files = vcgencmd("throttled=0x50005")
    assert board_state(recorded(tmp_path, PI_4, files)).throttled == 0x50005


def test_only_zones_that_measure_processors_count(tmp_path: Path) -> None:
    other = "sys/class/thermal/thermal_zone1/"
    files = {other + "type": "iwlwifi_1\n", other + "temp": "93000\n"}
    assert board_state(recorded(tmp_path, PI_4, files)).temperature_c == 48.312
    files = {other + "type": "bigcore0-thermal\n", other + "temp": "93000\n"}
    assert board_state(recorded(tmp_path, files)).temperature_c == 93


def test_elsewhere_the_limit_is_the_kernels_passive_trip_point(tmp_path: Path) -> None:
    files = {
        ZONE + "type": "soc-thermal\n",
        ZONE + "temp": "61111\n",
        ZONE + "trip_point_0_type": "passive\n",
        ZONE + "trip_point_0_temp": "85000\n",
        ZONE + "trip_point_1_type": "passive\n",
        ZONE + "trip_point_1_temp": "75000\n",
        ZONE + "trip_point_2_type": "critical\n",
        ZONE + "trip_point_2_temp": "70000\n",
    }
    assert board_state(recorded(tmp_path, files)).temperature_limit_c == 75
    alarms = {ZONE + "type": "x86_pkg_temp\n"}
    assert board_state(recorded(tmp_path, alarms)).temperature_limit_c is None


def test_stolen_and_waiting_time_are_counters(tmp_path: Path) -> None:
    files = {
        "proc/stat": STAT.format(steal=40),
        "proc/pressure/cpu": PRESSURE.format(waiting_us=123_456),
    }
    found = board_state(recorded(tmp_path, PI_4, files))
    # User, nice, system, irq, softirq and steal; idle, iowait and guests are not added.
    assert found.busy_ticks == 1000 + 50 + 450 + 0 + 100 + 40
    assert found.steal_ticks == 40
    assert found.waiting_us == 123_456


def test_a_stat_without_stolen_time_says_nothing_of_busy_time(tmp_path: Path) -> None:
    found = board_state(recorded(tmp_path, {"proc/stat": "cpu  1000 50 450 80000\n"}))
    assert (found.busy_ticks, found.steal_ticks) == (None, None)


def test_the_tightest_quota_of_the_cgroups_around_us_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/cpu.stat": "usage_usec 9\n",
        "sys/fs/cgroup/outer/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/outer/cpu.stat": "usage_usec 1\nnr_periods 2\nthrottled_usec 3500\n",
        "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "sys/fs/cgroup/outer/inner/cpu.stat": "usage_usec 1\nthrottled_usec 0\n",
    }
    found = board_state(recorded(tmp_path, files))
    assert found.quota_cpus == 1.5
    assert found.quota_stopped_us == 3500


def test_a_container_sees_its_own_quota_at_the_top(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}
    assert board_state(recorded(tmp_path, files)).quota_cpus == 0.5


def test_what_a_board_does_not_say_is_none(tmp_path: Path) -> None:
    found = asdict(board_state(tmp_path))
    assert found.pop("clocks") == ()
    assert set(found.values()) == {None}


def test_a_clock_that_is_told_in_part_is_none_in_the_rest(tmp_path: Path) -> None:
    found = board_state(recorded(tmp_path, {POLICY + "scaling_cur_freq": "<unknown>\n"}))
    assert found.clocks == (Clock(frequency_hz=None, allowed_hz=None, hardware_hz=None),)


def test_this_boards_state_can_be_read_and_kept() -> None:
    assert json.loads(json.dumps(asdict(board_state())))["uptime_s"] != 0
