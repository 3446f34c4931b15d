"""The bench record: what was measured, on what, as a file that outlives the run."""

from __future__ import annotations

from dataclasses import dataclass

from strop.runtime.bench.block_state import BlockState
from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.energy import EnergySamples
from strop.runtime.bench.latency import LatencySamples, MeasurePlan
from strop.runtime.bench.split import SplitSamples
from strop.runtime.bench.sustained import SustainedSamples
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.board import BoardState
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.machine import Machine
from strop.runtime.records.record_format import Fields, RecordFormat, adding, adding_in
from strop.runtime.records.timestamps import moment_of
from strop.runtime.statistics.intervals import percentile_ns
from strop.runtime.units import NS_PER_MS


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactRecord:
    """One artifact's measurement.

    Attributes:
        name: File name, without the folders: records are published.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        facts: What ran it.
        cold_start: Load and first inference in a fresh process.
        samples: Warm inference, interleaved with the record's other artifacts.
        sustained: After minutes of load by this artifact alone; None if not asked for.
        energy: Of an inference, by this artifact alone; None likewise.
        split: Of answers to image files, into image, engine and what comes after; None on random
            values, and of an artifact without a contract.
    """

    name: str
    sha256: str
    size_bytes: int
    facts: EngineFacts
    cold_start: ColdStart
    samples: LatencySamples
    sustained: SustainedSamples | None
    energy: EnergySamples | None = None
    split: SplitSamples | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchRecord:
    """One run of `strop bench`.

    Attributes:
        strop_version: Version that measured.
        created_at: When the measurement began, by the clock of the machine that measured,
            as `timestamp` writes it; None in records of versions 2 and 3.
        inputs: What the artifacts were run on, in words.
        plan: How long was measured.
        machine: On what, and in what state it was before.
        cool_down: The wait before; None if the board reports no temperature.
        board_before: State of the board before the artifacts were opened.
        board_after: State right after the last interleaved block; `disturbances` compares
            the two.
        block_states: The board between the blocks, which `validity` judges; empty in
            records of version 2.
        artifacts: In the order in which they were given.
    """

    strop_version: str
    created_at: str | None
    inputs: str
    plan: MeasurePlan
    machine: Machine
    cool_down: CoolDown | None
    board_before: BoardState
    board_after: BoardState
    block_states: tuple[BlockState, ...]
    artifacts: tuple[ArtifactRecord, ...]

    def __post_init__(self) -> None:
        if self.created_at is not None:
            moment_of(self.created_at)

    def __repr__(self) -> str:
        return f"<BenchRecord: {'; '.join(map(_in_words, self.artifacts))}>"


def _in_words(artifact: ArtifactRecord) -> str:
    p50_ns = percentile_ns(artifact.samples.invoke_ns, 0.5)
    latency = "too few inferences" if p50_ns is None else f"p50 {p50_ns / NS_PER_MS:.3f} ms"
    return f"{artifact.name} {latency}"


def _from_version_2(record: Fields) -> Fields:
    """The fields of version 3, where what was not measured then is absent."""
    artifacts = record.get("artifacts")
    if isinstance(artifacts, list):
        artifacts = [
            {**artifact, "sustained": None} if isinstance(artifact, dict) else artifact
            for artifact in artifacts
        ]
    return {**record, "artifacts": artifacts, "block_states": [], "cool_down": None}


def _from_version_4(record: Fields) -> Fields:
    """The fields of version 5, where neither energy nor the parts of an answer were measured."""
    artifacts = record.get("artifacts")
    if isinstance(artifacts, list):
        artifacts = [
            {"energy": None, "split": None, **artifact} if isinstance(artifact, dict) else artifact
            for artifact in artifacts
        ]
    return {**record, "artifacts": artifacts}


# History: 1, the first; 2, the board's state before and after; 3, its state between the
# blocks, the wait for a cool board, and sustained speed; 4, when it was measured; 5, energy,
# and the parts of an answer; 6, instructions.
BENCH_RECORD = RecordFormat(
    BenchRecord,
    writer="strop bench --output",
    version=6,
    upgrades={
        2: _from_version_2,
        3: adding(created_at=None),
        4: _from_version_4,
        5: adding_in("artifacts", "samples", invoke_instructions=[]),
    },
)
