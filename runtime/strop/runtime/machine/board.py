"""Reads the state of the board: power, heat, clocks, and other work on its processors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from strop.runtime.machine.firmware import throttled
from strop.runtime.machine.proc_files import (
    hertz_at,
    load_average,
    meminfo_bytes,
    number_of,
    text_at,
)

# Where a Raspberry Pi's firmware starts to slow down, in degrees Celsius.
# Source: raspberrypi.com/documentation/computers/config_txt.html#monitoring-core-temperature
PI_LIMIT_C = 80.0
PI_3_PLUS_LIMIT_C = 60.0  # temp_soft_limit, on the 3A+ and the 3B+ only
PI_3_PLUS = ("Raspberry Pi 3 Model A Plus", "Raspberry Pi 3 Model B Plus")

# In the names of the thermal zones that measure processors: "cpu-thermal" on a Pi,
# "bigcore0-thermal", "soc-thermal" and "CPU-therm" on other boards, "x86_pkg_temp".
CPU_ZONES = ("cpu", "core", "soc", "x86_pkg_temp")
MILLI = 1000  # thermal's unit is a thousandth of a degree

# Columns of /proc/stat's first line; source: proc_stat(5). Guests are part of user and nice.
BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)  # all but idle and iowait
STEAL_COLUMN = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """The clock of processors that share one, as cpufreq reports it.

    Attributes:
        frequency_hz: What is asked for, now. A board that its firmware throttles runs
            slower than that (raspberrypi/linux issue 2986).
        allowed_hz: The most that may be asked for, now.
        hardware_hz: The most that the processors can do.
    """

    frequency_hz: int | None
    allowed_hz: int | None
    hardware_hz: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticks:
    """Counters of processors' time, in the kernel's ticks since boot.

    Attributes:
        busy: In which the processors worked or were kept from it.
        steal: The part of it in which the host ran somebody else.
    """

    busy: int
    steal: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardState:
    """The board at one moment; None means that it does not report this, never that all is well.

    Counters only ever grow: the difference of two states is what happened between them.

    Attributes:
        uptime_s: Since boot.
        throttled: The firmware's word on a Raspberry Pi, see firmware.THROTTLE_BITS.
        temperature_c: Of the hottest zone that measures processors, degrees Celsius.
        temperature_limit_c: Where the firmware or the kernel starts to slow down.
        clocks: One per independent clock; empty without cpufreq.
        busy_ticks: Counter: time in which the processors worked or were kept from it.
        steal_ticks: Counter: the part of it in which the host ran somebody else.
        waiting_us: Counter: time in which at least one task waited for a processor.
        quota_cpus: Processors' worth of time that the cgroup may use; None if no limit.
        quota_stopped_us: Counter: time in which the cgroup was stopped for its quota.
        load_average: Runnable tasks over 1, 5 and 15 minutes.
        memory_available_bytes: What can be used without swapping.
    """

    uptime_s: float | None
    throttled: int | None
    temperature_c: float | None
    temperature_limit_c: float | None
    clocks: tuple[Clock, ...]
    busy_ticks: int | None
    steal_ticks: int | None
    waiting_us: int | None
    quota_cpus: float | None
    quota_stopped_us: int | None
    load_average: tuple[float, ...] | None
    memory_available_bytes: int | None


def board_state(root: Path = Path("/")) -> BoardState:
    """Read the state; a few milliseconds on a Raspberry Pi, where vcgencmd is asked.

    Args:
        root: Where proc/, sys/ and usr/bin/vcgencmd are; another one than "/" for
            recorded files.
    """
    zones = cpu_zones(root)
    ticks = stat_ticks(root)
    cgroups = _cgroups(root)
    uptime = text_at(root / "proc/uptime")
    return BoardState(
        uptime_s=float(uptime.split()[0]) if uptime else None,
        throttled=throttled(root),
        temperature_c=max(degrees_at(zones, "temp"), default=None),
        temperature_limit_c=_temperature_limit_c(root, zones),
        clocks=_clocks(root),
        busy_ticks=ticks.busy if ticks else None,
        steal_ticks=ticks.steal if ticks else None,
        waiting_us=_waiting_us(root),
        quota_cpus=min(filter(None, map(_quota_cpus, cgroups)), default=None),
        quota_stopped_us=max(
            (stopped for folder in cgroups if (stopped := _stopped_us(folder)) is not None),
            default=None,
        ),
        load_average=load_average(root),
        memory_available_bytes=meminfo_bytes(root, "MemAvailable"),
    )


def cpu_zones(root: Path) -> list[Path]:
    """Folders of the thermal zones that measure processors, below root."""
    return [zone for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")) if _is_cpu(zone)]


def _is_cpu(zone: Path) -> bool:
    kind = (text_at(zone / "type") or "").lower()
    return any(word in kind for word in CPU_ZONES)


def degrees_at(zones: list[Path], name: str) -> list[float]:
    """What those of the zones tell that can be read, in degrees Celsius.

    Args:
        zones: Folders.
        name: Of the file in each: "temp", "trip_point_0_temp".
    """
    readings = [number_of(text_at(zone / name)) for zone in zones]
    return [reading / MILLI for reading in readings if reading is not None]


def _temperature_limit_c(root: Path, zones: list[Path]) -> float | None:
    model = text_at(root / "proc/device-tree/model") or ""
    if model.startswith(PI_3_PLUS):
        return PI_3_PLUS_LIMIT_C
    if model.startswith("Raspberry Pi"):
        return PI_LIMIT_C
    # A "passive" trip point is where the kernel lowers the clock. Those of x86_pkg_temp
    # are only alarms for programs.
    limits = [
        limit
        for zone in zones
        if text_at(zone / "type") != "x86_pkg_temp"
        for kind in sorted(zone.glob("trip_point_*_type"))
        if text_at(kind) == "passive"
        for limit in degrees_at([zone], kind.name.replace("_type", "_temp"))
        if limit > 0
    ]
    return min(limits, default=None)


def cpufreq_policies(root: Path) -> list[Path]:
    """Folders of the independent clocks, below root."""
    return sorted(root.glob("sys/devices/system/cpu/cpufreq/policy*"))


def _clocks(root: Path) -> tuple[Clock, ...]:
    return tuple(
        Clock(
            frequency_hz=hertz_at(policy / "scaling_cur_freq"),
            allowed_hz=hertz_at(policy / "scaling_max_freq"),
            hardware_hz=hertz_at(policy / "cpuinfo_max_freq"),
        )
        for policy in cpufreq_policies(root)
    )


def stat_ticks(root: Path) -> Ticks | None:
    """All processors' time since boot, from /proc/stat below root."""
    name, *columns = (text_at(root / "proc/stat") or "-").splitlines()[0].split()
    # Sandboxes make up a shorter line.
    is_whole = name == "cpu" and len(columns) > STEAL_COLUMN
    if not is_whole:
        return None
    ticks = [int(column) for column in columns]
    return Ticks(busy=sum(ticks[column] for column in BUSY_COLUMNS), steal=ticks[STEAL_COLUMN])


def _waiting_us(root: Path) -> int | None:
    """The total of the line "some avg10=0.00 avg60=0.00 avg300=0.00 total=123"."""
    for line in (text_at(root / "proc/pressure/cpu") or "").splitlines():
        if line.startswith("some "):
            return number_of(line.partition("total=")[2])
    return None


def _cgroups(root: Path) -> list[Path]:
    """Our cgroup's folder and those around it, whose limits hold for us too; version 2."""
    for line in (text_at(root / "proc/self/cgroup") or "").splitlines():
        if line.startswith("0::/"):
            mounted = root / "sys/fs/cgroup"
            ours = mounted / line.removeprefix("0::/")
            return [ours, *(folder for folder in ours.parents if folder.is_relative_to(mounted))]
    return []


def _quota_cpus(folder: Path) -> float | None:
    """From "150000 100000": microseconds of processor time a period; "max" is no limit."""
    quota, _, period = (text_at(folder / "cpu.max") or "").partition(" ")
    quota_us, period_us = number_of(quota), number_of(period)
    return quota_us / period_us if quota_us and period_us else None


def _stopped_us(folder: Path) -> int | None:
    for line in (text_at(folder / "cpu.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "throttled_usec":
            return number_of(value)
    return None
