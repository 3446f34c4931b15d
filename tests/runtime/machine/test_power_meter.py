"""Meters of power, from recorded files of boards that have one."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from strop.runtime.errors import MeasurementError
from strop.runtime.machine.power_log import EnergyCurve, PowerLog
from strop.runtime.machine.power_meter import (
    PowerMeter,
    find_meter,
    pmic_watts,
    required_meter,
    sensor_watts,
)

S = 10**9
# As the documentation of vcgencmd and users of a Raspberry Pi 5 print it; three rails of twelve.
PMIC = """ 3V7_WL_SW_A current(0)=0.10000000A
   3V3_SYS_A current(1)=0.20000000A
   VDD_CORE_A current(7)=2.00000000A
 3V7_WL_SW_V volt(8)=3.70000000V
   3V3_SYS_V volt(9)=3.30000000V
   VDD_CORE_V volt(15)=0.80000000V
      EXT5V_V volt(24)=5.15000000V
"""


def pi_5(root: Path, said: str = PMIC) -> Path:
    program = root / "usr/bin/vcgencmd"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return root


def sensor(root: Path, name: str, **files: int) -> Path:
    folder = root / "sys/class/hwmon/hwmon2"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    for file, value in files.items():
        (folder / file).write_text(f"{value}\n")
    return root


def rapl(root: Path, energy_uj: int | None, name: str = "intel-rapl:0") -> Path:
    folder = root / "sys/class/powercap" / name
    folder.mkdir(parents=True)
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    if energy_uj is not None:
        (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return root


def test_a_pi_5_tells_volts_and_amperes_of_its_rails(tmp_path: Path) -> None:
    meter = find_meter(pi_5(tmp_path))
    assert isinstance(meter, PowerMeter)
    assert meter.watts is not None
    # The 5 V input has no current of its own.
    assert meter.watts() == pytest.approx(0.1 * 3.7 + 0.2 * 3.3 + 2.0 * 0.8)


@pytest.mark.parametrize(
    "said", ["", 'error=1 error_msg="Command not registered"\n', "VDD_CORE_A current(7)=2.0A\n"]
)
def test_another_pi_has_no_power_chip(said: str, tmp_path: Path) -> None:
    assert pmic_watts(pi_5(tmp_path, said)) is None


@pytest.mark.parametrize(
    ("name", "files", "watts"),
    [
        ("ina226", {"power1_input": 3_250_000}, 3.25),
        ("ina238", {"power1_input": 5_000_000, "in1_input": 1, "curr1_input": 1}, 5.0),
        ("ina219", {"in1_input": 5080, "curr1_input": 500}, 2.54),
        ("ina219", {"in1_input": 5080}, None),
        ("cpu_thermal", {"power1_input": 3_250_000}, None),
    ],
)
def test_a_sensor_tells_microwatts_or_millivolts_and_milliamperes(
    name: str, files: dict[str, int], watts: float | None, tmp_path: Path
) -> None:
    meter = find_meter(sensor(tmp_path, name, **files))
    if watts is None:
        assert isinstance(meter, str)
        assert meter.startswith("this machine does not tell its power")
    else:
        assert isinstance(meter, PowerMeter)
        assert meter.name == f"the sensor {name}"
        assert meter.watts is not None
        assert meter.watts() == pytest.approx(watts)
        assert sensor_watts(tmp_path / "sys/class/hwmon/hwmon2") == pytest.approx(watts)


def test_a_processor_counts_joules_and_says_where_it_begins_again(tmp_path: Path) -> None:
    meter = find_meter(rapl(tmp_path, 1_500_000))
    assert isinstance(meter, PowerMeter)
    assert meter.joules is not None
    assert meter.joules() == 1.5
    assert meter.range_j == pytest.approx(262143.32885)


def test_what_cannot_be_read_is_said_by_name(tmp_path: Path) -> None:
    locked = find_meter(rapl(tmp_path, None))
    assert isinstance(locked, str)
    assert "energy_uj: not readable; the kernel shows it to root alone" in locked
    with pytest.raises(MeasurementError, match=r"^energy: .*; leave out --energy$"):
        required_meter(tmp_path)
    rapl(tmp_path / "two", 1)
    rapl(tmp_path / "two", 1, name="intel-rapl:1")
    assert find_meter(tmp_path / "two") == (
        "2 processors, whose counters start again at different times"
    )


def test_power_between_two_readings_is_their_mean() -> None:
    curve = EnergyCurve(PowerMeter(name="", watts=lambda: None))
    for moment, watts in ((0, 2.0), (S, 4.0), (3 * S, 4.0)):
        curve.add(moment, watts)
    assert curve.joules(0, S) == pytest.approx(3.0)
    assert curve.joules(0, 3 * S) == pytest.approx(11.0)
    assert curve.joules(S, 2 * S) == pytest.approx(4.0)


def test_a_counter_begins_again_at_its_range() -> None:
    curve = EnergyCurve(PowerMeter(name="", joules=lambda: None, range_j=100.0))
    for moment, joules in ((0, 97.0), (S, 99.0), (2 * S, 1.0), (3 * S, 6.0)):
        curve.add(moment, joules)
    assert curve.joules(0, 3 * S) == pytest.approx(9.0)
    with pytest.raises(MeasurementError, match="4 readings do not cover the measurement"):
        curve.joules(0, 4 * S)


def test_a_meter_that_stops_telling_ends_the_measurement() -> None:
    readings = iter([1.0, None])
    with (
        pytest.raises(MeasurementError, match="the meter has stopped telling"),
        PowerLog(PowerMeter(name="", watts=lambda: next(readings, None))),
    ):
        pass
