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
# What a Raspberry Pi 5 with all cores at work said, as the README of jfikar/RPi5-power has it.
PMIC = """ 3V7_WL_SW_A current(0)=0.00000000A
   3V3_SYS_A current(1)=0.06245952A
   1V8_SYS_A current(2)=0.16102850A
  DDR_VDD2_A current(3)=0.00780744A
  DDR_VDDQ_A current(4)=0.00000000A
   1V1_SYS_A current(5)=0.17566740A
    0V8_SW_A current(6)=0.32791250A
  VDD_CORE_A current(7)=10.87674000A
   3V3_DAC_A current(17)=0.00036630A
   3V3_ADC_A current(18)=0.00042735A
   0V8_AON_A current(16)=0.00579975A
      HDMI_A current(22)=0.01367520A
 3V7_WL_SW_V volt(8)=3.79999600V
   3V3_SYS_V volt(9)=3.30632200V
   1V8_SYS_V volt(10)=1.79828900V
  DDR_VDD2_V volt(11)=1.10292900V
  DDR_VDDQ_V volt(12)=0.60476130V
   1V1_SYS_V volt(13)=1.10439400V
    0V8_SW_V volt(14)=0.80256330V
  VDD_CORE_V volt(15)=0.89745940V
   3V3_DAC_V volt(20)=3.30494200V
   3V3_ADC_V volt(21)=3.30219400V
   0V8_AON_V volt(19)=0.79736190V
      HDMI_V volt(23)=5.07056000V
     EXT5V_V volt(24)=5.06788000V
      BATT_V volt(25)=3.01110800V
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


def rapl(
    root: Path, energy_uj: int | None, name: str = "intel-rapl:0", called: str = "package-0"
) -> Path:
    folder = root / "sys/class/powercap" / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{called}\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    if energy_uj is not None:
        (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return root


def test_a_pi_5_tells_volts_and_amperes_of_its_rails(tmp_path: Path) -> None:
    meter = find_meter(pi_5(tmp_path))
    assert isinstance(meter, PowerMeter)
    assert meter.watts is not None
    # Two rails take most of it; the 5 V input and the battery have no current of their own.
    two = 10.87674 * 0.8974594 + 0.1610285 * 1.798289
    assert meter.watts() == pytest.approx(two + 0.749, abs=5e-3)


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
        # What an INA219 on a board at rest said, as its manual has it; in0 is the shunt.
        (
            "ina219",
            {"in0_input": 1, "in1_input": 5023, "curr1_input": 124, "power1_input": 622_000},
            0.622,
        ),
        ("ina219", {"in1_input": 5023, "curr1_input": 124}, 0.622852),
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


def test_a_laptop_has_a_zone_that_is_no_processor(tmp_path: Path) -> None:
    # Zones and names as a laptop listed them (linux-pm, K. Crudup).
    zones = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:1": "psys",
        "intel-rapl-mmio:0": "package-0",
    }
    for number, (zone, called) in enumerate(zones.items(), 1):
        rapl(tmp_path, number * 1_000_000, name=zone, called=called)
    meter = find_meter(tmp_path)
    assert isinstance(meter, PowerMeter)
    assert meter.joules is not None
    assert meter.joules() == 1.0


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
