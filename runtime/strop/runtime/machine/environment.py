"""Describes what something was measured on, which decides whether two numbers may be compared."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.machine import machine
from strop.runtime.machine.proc_files import fields_of, hertz_at, text_at
from strop.runtime.records.timestamps import moment_of

BYTES_PER_GIB = 1 << 30
BOOT_DIGITS = 16  # of the hash of the kernel's boot id: enough to tell boots apart
# Measurements of one boot, minutes apart, share its pages and its neighbours.
APART = timedelta(hours=1)

# What names the kind of a processor in /proc/cpuinfo, on x86 and on ARM. Not the clock and
# not bogomips: they change from boot to boot.
CPU_KEYS = (
    "vendor_id",
    "cpu family",
    "model",
    "stepping",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What of a computer stays the same from boot to boot, and makes it fast or slow.

    Attributes:
        arch: The kernel's.
        cpu_model: As in `Machine`.
        cpu_kind: Values of those of CPU_KEYS that the kernel lists, "key: value".
        board: What the device tree calls the board; None on a PC.
        isa: What int8 kernels are chosen by.
        cores: Logical processors in use.
        cores_allowed: Those of them that strop may use.
        caches: Of the first processor, "L1 Data 32K".
        memory_class_gib: RAM, as the nearest power of two.
        max_frequency_hz: The most that the first processor can do, by cpufreq.
    """

    arch: str
    cpu_model: str | None
    cpu_kind: tuple[str, ...]
    board: str | None
    isa: tuple[str, ...]
    cores: int | None
    cores_allowed: int | None
    caches: tuple[str, ...]
    memory_class_gib: float | None
    max_frequency_hz: int | None

    @property
    def id(self) -> str:
        """SHA-256 of the above, hex."""
        return _id(asdict(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """The software below an engine, as far as it can change its speed.

    Attributes:
        kernel: Major and minor version.
        libc: Name and version.
        python: Implementation, version, word size.
        numpy: Version.
        governor: cpufreq's policy for the first processor.
    """

    kernel: str | None
    libc: str
    python: str
    numpy: str
    governor: str | None

    def id(self, facts: EngineFacts) -> str:
        """SHA-256 of the above and of what ran an artifact, hex."""
        # How many partitions there are is the artifact's doing.
        return _id({**asdict(self), **asdict(facts), "partitions": None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A machine as it stays from one measurement to the next.

    Attributes:
        boot: Differs between boots, and says nothing else; None if the kernel gives none.
        hardware: On what.
        stack: With what.
    """

    boot: str | None
    hardware: Hardware
    stack: Stack

    def differences(self, other: Environment) -> tuple[str, ...]:
        """What differs there, the boot left out: "governor: ondemand, not performance"."""
        return _differences(self.hardware, other.hardware) + _differences(self.stack, other.stack)


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """One time at which something was measured.

    Attributes:
        created_at: As `timestamp` writes it.
        place: Where.
    """

    created_at: str
    place: Environment

    def is_apart_from(self, other: Occasion) -> bool:
        """Whether the two are separate evidence: another machine or boot, or an hour between."""
        mine, theirs = self.place, other.place
        if mine.hardware != theirs.hardware:
            return True
        if None not in (mine.boot, theirs.boot) and mine.boot != theirs.boot:
            return True
        return abs(moment_of(self.created_at) - moment_of(other.created_at)) >= APART


def apart(occasions: Sequence[Occasion]) -> tuple[Occasion, ...]:
    """Those that are separate evidence from each one taken before them."""
    kept: list[Occasion] = []
    for each in occasions:
        if all(each.is_apart_from(other) for other in kept):
            kept.append(each)
    return tuple(kept)


def environment_here(root: Path = Path("/")) -> Environment:
    """Describe this machine.

    Args:
        root: Where proc/, sys/ and etc/ are; another one than "/" for recorded files.
    """
    here = machine(root)
    cpuinfo = fields_of(text_at(root / "proc/cpuinfo") or "")
    cpu = root / "sys/devices/system/cpu/cpu0"
    boot = text_at(root / "proc/sys/kernel/random/boot_id")
    return Environment(
        boot=None if boot is None else hashlib.sha256(boot.encode()).hexdigest()[:BOOT_DIGITS],
        hardware=Hardware(
            arch=here.arch,
            cpu_model=here.cpu_model,
            cpu_kind=tuple(f"{key}: {value}" for key in CPU_KEYS for value in cpuinfo.get(key, ())),
            board=here.board,
            isa=here.isa,
            cores=here.cores_online,
            cores_allowed=_cores_allowed(),
            caches=_caches(cpu),
            memory_class_gib=_memory_class_gib(here.memory_bytes),
            max_frequency_hz=hertz_at(cpu / "cpufreq/cpuinfo_max_freq"),
        ),
        stack=Stack(
            kernel=None if here.kernel is None else ".".join(here.kernel.split(".")[:2]),
            libc=" ".join(platform.libc_ver()),
            python=here.python,
            numpy=np.__version__,
            governor=here.governor,
        ),
    )


def _differences(mine: Hardware | Stack, theirs: Hardware | Stack) -> tuple[str, ...]:
    values, others = asdict(mine), asdict(theirs)
    return tuple(
        f"{name}: {_shown(others[name])}, not {_shown(value)}"
        for name, value in values.items()
        if others[name] != value
    )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _id(values: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _cores_allowed() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _caches(cpu: Path) -> tuple[str, ...]:
    texts = [
        [text_at(folder / name) for name in ("level", "type", "size")]
        for folder in sorted(cpu.glob("cache/index*"))
    ]
    return tuple(f"L{level} {kind} {size}" for level, kind, size in texts if size is not None)


def _memory_class_gib(memory_bytes: int | None) -> float | None:
    """The nearest power of two: kernels keep some memory, and not always as much."""
    if not memory_bytes:
        return None
    return float(2.0 ** round(math.log2(memory_bytes / BYTES_PER_GIB)))
