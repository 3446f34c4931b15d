"""Bench records of a Raspberry Pi that nobody measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.runtime.bench.test_validity import CALM, bench_record, every
from tests.runtime.boards import PI_4, recorded

from strop.runtime.bench.latency import LatencySamples
from strop.runtime.bench.record import BenchRecord
from strop.runtime.machine.board import board_state
from strop.runtime.machine.machine import machine

START = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
MS = 1_000_000

Make = Callable[..., BenchRecord]


def record_maker(folder: Path) -> Make:
    """Makes a record of one artifact that takes so long, that many days after START."""
    root = recorded(folder, PI_4)
    calm = every(5, *[CALM] * 4)

    def record(
        p50_ms: float,
        *,
        day: float = 0,
        name: str = "m.tflite",
        sha256: str = "ab" * 32,
        version: str = "2.3.0",
        kernel: str = "6.6",
    ) -> BenchRecord:
        found = bench_record(board_state(root), calm)
        (artifact,) = found.artifacts
        samples = LatencySamples(warmup_ns=(), invoke_ns=(round(p50_ms * MS),) * 30, blocks=(30,))
        facts = replace(artifact.facts, engine="litert", version=version)
        moment = START + timedelta(days=day)
        return replace(
            found,
            created_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            machine=replace(machine(root), kernel=kernel),
            artifacts=(replace(artifact, name=name, sha256=sha256, facts=facts, samples=samples),),
        )

    return record
