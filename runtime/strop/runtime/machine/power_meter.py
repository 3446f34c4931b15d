"""Reads how much power a machine takes, where it tells: its power chip, a sensor, its processor.

Sources: raspberrypi.com/documentation/computers/os.html#vcgencmd (pmic_read_adc, Raspberry Pi 5);
the kernel's Documentation/hwmon/sysfs-interface.rst, hwmon/ina2xx.rst, hwmon/ina238.rst and
power/powercap/powercap.rst.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.errors import MeasurementError
from strop.runtime.machine.firmware import ask_firmware
from strop.runtime.machine.proc_files import number_of, text_at

UW_PER_W, MW_PER_W, UJ_PER_J = 1e6, 1e6, 1e6  # a sensor's mV times mA are microwatts
# One line a rail: " 3V3_SYS_A current(1)=0.07416660A", " 3V3_SYS_V volt(9)=3.32022A".
RAIL = re.compile(r"^\s*(\S+)_([AV])\s+\w+\(\d+\)=([0-9.]+)[AV]\s*$", re.MULTILINE)
SENSORS = re.compile(r"ina(2\d\d|2xx|3221)")
ZONE = re.compile(r"intel-rapl:\d+")  # not its parts, intel-rapl:0:0; AMD's have this name too
PLATFORM = "psys"  # what a zone of a laptop's is called, which is no processor
CANNOT = (
    "this machine does not tell its power: no Raspberry Pi 5's power chip, no INA219, INA226 or"
    " INA238 in /sys/class/hwmon, no readable /sys/class/powercap"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerMeter:
    """Something that tells power or energy.

    Attributes:
        name: What it is, and what it covers, in words.
        watts: Reads the power now; None of a meter that counts energy. A reading that fails is
            None.
        joules: Reads a counter of energy, which may start again from 0; None of one that tells
            power.
        range_j: Where the counter starts again; 0 of one that tells power.
    """

    name: str
    watts: Callable[[], float | None] | None = None
    joules: Callable[[], float | None] | None = None
    range_j: float = 0.0


def find_meter(root: Path = Path("/")) -> PowerMeter | str:
    """Find the meter that covers most: the board's power chip, a sensor, the processor's counter.

    Args:
        root: Where usr/bin/vcgencmd and sys/ are.

    Returns:
        The meter, or why there is none.
    """
    if pmic_watts(root) is not None:
        return PowerMeter(
            name="the board's power chip (its rails, without USB)", watts=lambda: pmic_watts(root)
        )
    for folder in _sensors(root):
        if sensor_watts(folder) is not None:
            name = f"the sensor {text_at(folder / 'name')}"
            return PowerMeter(name=name, watts=lambda: sensor_watts(folder))  # noqa: B023
    return _rapl(root)


def required_meter(root: Path = Path("/")) -> PowerMeter:
    """As `find_meter`.

    Raises:
        MeasurementError: There is none; why is said.
    """
    found = find_meter(root)
    if isinstance(found, str):
        raise MeasurementError(f"energy: {found}; leave out --energy")
    return found


def pmic_watts(root: Path) -> float | None:
    """Sum volts times amperes over the rails of a Raspberry Pi 5's power chip; None without one."""
    said = ask_firmware(root, "pmic_read_adc")
    rails: dict[str, dict[str, float]] = {}
    for rail, unit, value in RAIL.findall(said or ""):
        rails.setdefault(rail, {})[unit] = float(value)
    products = [found["A"] * found["V"] for found in rails.values() if len(found) == 2]
    return sum(products) if products else None


def sensor_watts(folder: Path) -> float | None:
    """Read a sensor's power, or its volts times amperes; None where it tells neither."""
    power = number_of(text_at(folder / "power1_input"))
    if power is not None:
        return power / UW_PER_W
    volts, amperes = (number_of(text_at(folder / name)) for name in ("in1_input", "curr1_input"))
    return None if volts is None or amperes is None else volts * amperes / MW_PER_W


def _sensors(root: Path) -> Iterator[Path]:
    for folder in sorted(root.glob("sys/class/hwmon/hwmon*")):
        if SENSORS.fullmatch(text_at(folder / "name") or ""):
            yield folder


def _rapl(root: Path) -> PowerMeter | str:
    """Find the processor's packages; their counters are read together."""
    found = sorted(root.glob("sys/class/powercap/intel-rapl:*"))
    zones = [folder for folder in found if ZONE.fullmatch(folder.name)]
    packages = [folder for folder in zones if text_at(folder / "name") != PLATFORM]
    if not packages:
        return CANNOT
    if any(text_at(folder / "energy_uj") is None for folder in packages):
        return (
            f"{packages[0] / 'energy_uj'}: not readable; the kernel shows it to root alone: run as"
            " root, or chmod a+r it"
        )
    ranges = [number_of(text_at(folder / "max_energy_range_uj")) or 0 for folder in packages]
    if len(packages) > 1:
        return f"{len(packages)} processors, whose counters start again at different times"

    def joules() -> float | None:
        counted = number_of(text_at(packages[0] / "energy_uj"))
        return None if counted is None else counted / UJ_PER_J

    return PowerMeter(
        name="the processor's own counter (RAPL, without the board)",
        joules=joules,
        range_j=ranges[0] / UJ_PER_J,
    )
