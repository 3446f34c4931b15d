"""Files of Raspberry Pis as their kernels and their firmware write them, for a root folder.

Sources: formats from the kernel's Documentation/admin-guide/pm/cpufreq.rst and
driver-api/thermal/sysfs-api.rst, proc_stat(5), accounting/psi.rst, cgroup-v2.rst; clocks
from raspberrypi.com/documentation/computers/config_txt.html#overclocking; zone names from
the device trees bcm283x.dtsi, bcm2711.dtsi, bcm2712.dtsi; get_throttled and measure_clock
from raspberrypi.com/documentation/computers/os.html#vcgencmd, the kernel's file
get_throttled from raspberrypi/linux pull request 2397; thermal_throttle from the kernel's
arch/x86/kernel/cpu/mce/therm_throt.c. None of them was read from a board here.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

ZONE = "sys/class/thermal/thermal_zone0/"
POLICY = "sys/devices/system/cpu/cpufreq/policy0/"
THROTTLED_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"
VCGENCMD = "usr/bin/vcgencmd"

STAT = "cpu  1000 50 450 80000 500 0 100 {steal} 7 3\ncpu0 250 12 112 20000 125 0 25 0 1 0\n"
PRESSURE = (
    "some avg10=0.00 avg60=0.00 avg300=0.00 total={waiting_us}\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)


def _pi(
    model: str, *, cur_khz: int, max_khz: int, millidegrees: int, memory_kib: tuple[int, int]
) -> dict[str, str]:
    return {
        "proc/device-tree/model": f"{model}\0",
        "proc/meminfo": "MemTotal: {:14} kB\nMemAvailable: {:10} kB\n".format(*memory_kib),
        "proc/uptime": "350.44 1391.17\n",
        "proc/loadavg": "0.42 0.17 0.05 1/163 2191\n",
        "proc/stat": STAT.format(steal=0),
        ZONE + "type": "cpu-thermal\n",
        ZONE + "temp": f"{millidegrees}\n",
        ZONE + "trip_point_0_type": "critical\n",
        ZONE + "trip_point_0_temp": "110000\n",
        POLICY + "scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        POLICY + "scaling_cur_freq": f"{cur_khz}\n",
        POLICY + "scaling_max_freq": f"{max_khz}\n",
        POLICY + "cpuinfo_max_freq": f"{max_khz}\n",
    }


PI_3_PLUS = _pi(
    "Raspberry Pi 3 Model B Plus Rev 1.3",
    cur_khz=600_000,
    max_khz=1_400_000,
    millidegrees=58_534,
    memory_kib=(944264, 757872),
)
PI_4 = _pi(
    "Raspberry Pi 4 Model B Rev 1.4",
    cur_khz=600_000,
    max_khz=1_800_000,
    millidegrees=48_312,
    memory_kib=(3884444, 3457872),
)
PI_5 = _pi(
    "Raspberry Pi 5 Model B Rev 1.0",
    cur_khz=1_500_000,
    max_khz=2_400_000,
    millidegrees=50_700,
    memory_kib=(8244832, 7609280),
)
ZERO_2_W = _pi(
    "Raspberry Pi Zero 2 W Rev 1.0",
    cur_khz=600_000,
    max_khz=1_000_000,
    millidegrees=44_008,
    memory_kib=(436612, 109876),
)


def recorded(root: Path, *files: Mapping[str, str]) -> Path:
    """Lay the files out below root, later ones over earlier ones; programs can be run."""
    for name, text in {name: text for some in files for name, text in some.items()}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if "/bin/" in name else 0o644)
    return root


def vcgencmd(answer: str, *, clock: str = "", code: int = 0) -> dict[str, str]:
    """A program in vcgencmd's place, which answers nothing else.

    Args:
        answer: To get_throttled.
        clock: To measure_clock arm.
        code: That it ends with.
    """
    return {
        VCGENCMD: "#!/bin/sh\n"
        'case "$*" in\n'
        f"    get_throttled) echo {shlex.quote(answer)} ;;\n"
        f"    'measure_clock arm') echo {shlex.quote(clock)} ;;\n"
        f"esac\nexit {code}\n"
    }


def x86_throttle_counts(*, core: tuple[int, int], package: tuple[int, int]) -> dict[str, str]:
    """The counters of an x86 machine's two processors."""
    return {
        f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/{name}_throttle_count": f"{count}\n"
        for name, counts in (("core", core), ("package", package))
        for cpu, count in enumerate(counts)
    }
