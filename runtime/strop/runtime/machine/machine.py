"""What this computer is and what state it is in, as far as it says so itself."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.machine.proc_files import (
    fields_of,
    hertz_at,
    load_average,
    meminfo_bytes,
    number_of,
    text_at,
)

# From the Main ID Register, as /proc/cpuinfo gives it: Arm's MIDR_EL1 part numbers
# (Linux, arch/arm64/include/asm/cputype.h); the first block is what Raspberry Pis have.
ARM_LTD = 0x41
ARM_PARTS = {
    0xB76: "ARM1176",  # Pi 1, Zero
    0xC07: "Cortex-A7",  # Pi 2
    0xD03: "Cortex-A53",  # Pi 3, Zero 2
    0xD08: "Cortex-A72",  # Pi 4, 400
    0xD0B: "Cortex-A76",  # Pi 5, 500
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD49: "Neoverse-N2",
    0xD4F: "Neoverse-V2",
}

# What int8 kernels are chosen by, in the kernel's spelling.
INT8_FLAGS = (
    "ssse3",
    "sse4_1",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "neon",
    "asimd",
    "asimdhp",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The computer and its state; None means that it does not say, and is never a guess.

    The host's name, serial numbers and addresses are left out: records are published.

    Attributes:
        cpu_model: The processor's name, or the kinds of its cores joined by " + ".
        board: What the device tree calls the board; None on a PC.
        arch: The kernel's: "x86_64", "aarch64", "armv7l".
        isa: Those of INT8_FLAGS that the kernel lists.
        cores_online: Logical processors in use.
        governor: cpufreq's policy for the first processor.
        frequency_hz: Clock that cpufreq asks the first processor for, now. A board that
            is throttled by its firmware may run slower.
        max_frequency_hz: Highest clock that the policy allows the first processor.
        memory_bytes: Usable RAM.
        os: PRETTY_NAME of os-release.
        kernel: Release.
        python: Implementation, version and word size.
        load_average: Runnable tasks over 1, 5 and 15 minutes.
    """

    cpu_model: str | None
    board: str | None
    arch: str
    isa: tuple[str, ...]
    cores_online: int | None
    governor: str | None
    frequency_hz: int | None
    max_frequency_hz: int | None
    memory_bytes: int | None
    os: str | None
    kernel: str | None
    python: str
    load_average: tuple[float, ...] | None


def machine(root: Path = Path("/")) -> Machine:
    """Read what this machine says about itself; takes about a millisecond.

    Args:
        root: Where proc/, sys/ and etc/ are; another one than "/" for recorded files.
    """
    cpuinfo = fields_of(text_at(root / "proc/cpuinfo") or "")
    cpufreq = root / "sys/devices/system/cpu/cpu0/cpufreq"
    return Machine(
        cpu_model=_cpu_model(cpuinfo),
        board=text_at(root / "proc/device-tree/model")
        or next(iter(cpuinfo.get("Model", ())), None),
        arch=platform.machine(),
        isa=_isa(cpuinfo),
        cores_online=_cores_online(root, cpuinfo),
        governor=text_at(cpufreq / "scaling_governor"),
        frequency_hz=hertz_at(cpufreq / "scaling_cur_freq"),
        max_frequency_hz=hertz_at(cpufreq / "scaling_max_freq"),
        memory_bytes=meminfo_bytes(root, "MemTotal"),
        os=_os_name(root),
        kernel=text_at(root / "proc/sys/kernel/osrelease"),
        python=_python(),
        load_average=load_average(root),
    )


def _cpu_model(cpuinfo: dict[str, list[str]]) -> str | None:
    # Part numbers first: 32-bit ARM kernels have a "model name", which names no core.
    parts = [number_of(part) for part in cpuinfo.get("CPU part", ())]
    implementer = number_of(next(iter(cpuinfo.get("CPU implementer", ())), ""))
    if parts and implementer is not None:
        return " + ".join(
            ARM_PARTS[part]
            if implementer == ARM_LTD and part in ARM_PARTS
            else f"ARM implementer {implementer:#04x} part {part or 0:#05x}"
            for part in parts
        )
    return next(iter(cpuinfo.get("model name", ())), None)


def _isa(cpuinfo: dict[str, list[str]]) -> tuple[str, ...]:
    listed = {
        flag
        for key in ("flags", "Features")
        for line in cpuinfo.get(key, ())
        for flag in line.split()
    }
    return tuple(flag for flag in INT8_FLAGS if flag in listed)


def _cores_online(root: Path, cpuinfo: dict[str, list[str]]) -> int | None:
    """Count the ranges of "0-3,6"; /proc/cpuinfo's processors where there are none."""
    ranges = text_at(root / "sys/devices/system/cpu/online")
    if ranges is None:
        return len(cpuinfo.get("processor", ())) or None
    count = 0
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def _os_name(root: Path) -> str | None:
    for line in (text_at(root / "etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip("\"'")
    return None


def _python() -> str:
    bits = 64 if sys.maxsize > 2**32 else 32
    return f"{platform.python_implementation()} {platform.python_version()} ({bits}-bit)"
