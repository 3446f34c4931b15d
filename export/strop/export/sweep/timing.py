"""Measures the latency of the members' files, each alone, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.errors import MeasurementError
from strop.runtime.machine.machine import machine
from strop.supervised import PARENT

KEY_DIGITS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchPlan:
    """How every file is measured: as `strop bench` does it, with these options.

    Attributes:
        threads: Within one inference.
        duration_s: Of timed inference for each file, at least.
        target: The board's address; None for this machine.
        target_python: On the board; None for the default.
        target_cache: On the board; None for the default.
        files: How many of each format and precision are measured, the rest is predicted;
            None for all.
    """

    threads: int
    duration_s: float
    target: str | None
    target_python: str | None
    target_cache: str | None
    files: int | None = None

    @property
    def key(self) -> str:
        """Distinguishes records of other options or another machine."""
        here = machine()
        where = (here.cpu_model, here.arch) if self.target is None else (self.target,)
        text = json.dumps([self.threads, self.duration_s, *where])
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]

    def record_of(self, artifact: Path) -> Path:
        """Where the record of a file is kept: beside it."""
        return artifact.with_name(f"{artifact.name}.bench-{self.key}.json")

    @property
    def arguments(self) -> list[str]:
        """Of `strop bench`."""
        given: list[str] = ["--threads", str(self.threads), "--duration", str(self.duration_s)]
        for name, value in asdict(self).items():
            if name.startswith("target") and value is not None:
                given += [f"--{name.replace('_', '-')}", value]
        return given


def measured_before(artifact: Path, plan: BenchPlan) -> BenchRecord | None:
    """The record of an earlier sweep, if it is of this very file and plan.

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
    """Measure a file with `strop bench`, in a process that has loaded nothing else.

    Writes the record beside the file.

    Raises:
        MeasurementError: It cannot be measured; the text is that of `strop bench`.
    """
    path = plan.record_of(artifact)
    command = [sys.executable, "-m", "strop", "bench", str(artifact.resolve()), *plan.arguments]
    ended = run_quietly([*command, "--output", str(path.resolve()), "--force"])
    if ended.returncode:
        raise MeasurementError(f"{artifact.name}: {_reason(ended.stderr)}")
    return BENCH_RECORD.read(path)


def run_quietly(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a strop to its end, its output kept; it ends with this process, however that ends."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, PARENT: str(os.getpid())},
    )


def _reason(stderr: str) -> str:
    lines = stderr.strip().splitlines() or ["strop bench ended without a word"]
    named = [line for line in lines if line.startswith("error: ")]
    return (named or lines)[-1].removeprefix("error: ")
