"""Measures the members' files one after the other, in a fresh process or on a board."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from strop.runtime import bench
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.bench.latency import plan_lasting
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.errors import MeasurementError, StropError
from strop.runtime.machine.cooldown import DEFAULT_LIMIT_S
from strop.runtime.machine.machine import machine
from strop.runtime.remote.address import Target

KEY_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchPlan:
    """The plan by which every file is measured.

    Attributes:
        threads: Within one inference.
        duration_s: Of timed inference for each file, at least.
        target: The board; None for this machine.
        files: How many of each format and precision are measured, the rest is predicted;
            None for all.
        energy_s: For which each file runs alone beside a power meter; None for no energy.
    """

    threads: int
    duration_s: float
    target: Target | None
    files: int | None = None
    energy_s: float | None = None

    @property
    def key(self) -> str:
        """Distinguishes records of other options or another machine."""
        here = machine()
        where = (here.cpu_model, here.arch) if self.target is None else (str(self.target),)
        energy = [] if self.energy_s is None else [f"energy {self.energy_s:g}"]
        text = json.dumps([self.threads, self.duration_s, *energy, *where])
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]

    def record_of(self, artifact: Path) -> Path:
        """Where the record of a file is kept: beside it."""
        return artifact.with_name(f"{artifact.name}.bench-{self.key}.json")


def measured_before(artifact: Path, plan: BenchPlan) -> BenchRecord | None:
    """Read the record of an earlier sweep, if it is of this very file and plan.

    Raises:
        MeasurementError: It is of another version of strop, or damaged.
    """
    path = plan.record_of(artifact)
    if not path.is_file():
        return None
    record = BENCH_RECORD.read(path)
    found = [each.sha256 for each in record.artifacts]
    return record if found == [sha256_file(artifact)] else None


def measure(artifact: Path, plan: BenchPlan) -> BenchRecord:
    """Measure a file, and write the record beside it.

    Raises:
        MeasurementError: It cannot be measured; the text says why.
        OutputError: The record cannot be written.
    """
    try:
        record = bench(
            artifact,
            plan=plan_lasting(plan.duration_s),
            num_threads=plan.threads,
            energy_s=plan.energy_s,
            cool_down_s=DEFAULT_LIMIT_S,
            target=plan.target,
        )
    except StropError as err:
        raise MeasurementError(f"{artifact.name}: {err}") from err
    BENCH_RECORD.write(record, plan.record_of(artifact))
    return record
