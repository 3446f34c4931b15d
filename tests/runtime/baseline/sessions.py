"""Baseline sessions that nobody measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from tests.runtime.check.reports import subject

from strop.runtime.baseline.session import BaselineSession, MachineClass, ProcessFigures
from strop.runtime.check.measure.plan import CheckPlan
from strop.runtime.machine.environment import Environment, Hardware, Occasion, Stack
from strop.runtime.machine.reference_load import ReferenceLoad
from strop.runtime.records.timestamps import timestamp

MS = 1_000_000  # ns
NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
HARDWARE = Hardware(
    arch="aarch64",
    cpu_model="Cortex-A76",
    cpu_kind=("CPU part: 0xd0b",),
    board="Raspberry Pi 5",
    isa=("asimd", "asimddp"),
    cores=4,
    cores_allowed=4,
    caches=("L1 Data 64K",),
    memory_class_gib=8.0,
    max_frequency_hz=2_400_000_000,
)
STACK = Stack(
    kernel="6.12",
    libc="glibc 2.36",
    python="CPython 3.11.2 (64-bit)",
    numpy="2.1.0",
    governor="ondemand",
)
YARDSTICK = ReferenceLoad(gemm_ns=MS, copy_ns=2 * MS, loop_ns=3 * MS)


def occasion_at(hours: float = 0.0, *, boot: str | None = "b" * 16) -> Occasion:
    """So many hours after noon."""
    return Occasion(
        created_at=timestamp(NOON + timedelta(hours=hours)),
        place=Environment(boot=boot, hardware=HARDWARE, stack=STACK),
    )


def session(
    p50_ns: float = 5 * MS,
    *,
    sha256: str = "ab" * 32,
    hours: float = 0.0,
    invalid_blocks: int = 0,
    measure: ReferenceLoad = YARDSTICK,
    machine_class: MachineClass = MachineClass.DEDICATED,
) -> BaselineSession:
    """Three processes, all alike."""
    process = ProcessFigures(
        p50_ns=p50_ns,
        block_p50_ns=(round(p50_ns),) * 8,
        block_runs=(20,) * 8,
        invalid_blocks=invalid_blocks,
        load_ns=30 * MS,
        first_invoke_ns=2 * MS,
        peak_rss_bytes=50 << 20,
        yardstick=measure,
    )
    return BaselineSession(
        strop_version="0.1.0",
        subject=replace(subject("model.tflite"), sha256=sha256),
        machine_class=machine_class,
        created_at=occasion_at(hours).created_at,
        place=occasion_at().place,
        plan=CheckPlan(),
        processes=(process,) * 3,
    )
