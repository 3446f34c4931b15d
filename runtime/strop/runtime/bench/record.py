"""The bench record: what was measured, on what, as a file that outlives the run."""

from __future__ import annotations

import json
import typing
from dataclasses import asdict, dataclass
from pathlib import Path

from strop.runtime.bench.block_state import BlockState
from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.latency import LatencySamples, MeasurePlan
from strop.runtime.bench.sustained import SustainedSamples
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.board import BoardState
from strop.runtime.machine.cooldown import CoolDown
from strop.runtime.machine.machine import Machine
from strop.runtime.records.json_records import versioned, write_whole
from strop.runtime.records.timestamps import moment_of
from strop.runtime.records.typed_json import read_typed

# History: 1, the first; 2, the board's state before and after; 3, its state between the
# blocks, the wait for a cool board, and sustained speed; 4, when it was measured.
FORMAT_VERSION = 4


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
    """

    name: str
    sha256: str
    size_bytes: int
    facts: EngineFacts
    cold_start: ColdStart
    samples: LatencySamples
    sustained: SustainedSamples | None


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
        cool_down: The wait before; None where the board tells no temperature.
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

    def to_json(self) -> str:
        """The record as JSON text that `bench_record_from_json` reads back unchanged."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}) + "\n"


def write_bench_record(record: BenchRecord, path: Path) -> None:
    """Write the record, all of it or nothing, over whatever is there.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    write_whole(record.to_json(), path)


def bench_record_from_json(text: str | bytes, *, where: str) -> BenchRecord:
    """Parse what `BenchRecord.to_json` wrote; refuse anything else by name.

    Args:
        text: JSON.
        where: Named in the error, usually the file's path.

    Raises:
        MeasurementError: Not JSON, another format version, or a field missing, unknown
            or of the wrong type.
    """
    found, record = versioned(
        text, where=where, known=(2, 3, FORMAT_VERSION), writer="strop bench --output"
    )
    if found == 2:
        record = _from_version_2(record)
    if found < FORMAT_VERSION:
        record = {**record, "created_at": None}
    return typing.cast("BenchRecord", read_typed(record, BenchRecord, at=where))


def _from_version_2(record: dict[str, object]) -> dict[str, object]:
    """The same in version 3, where what was not read then is absent; checked by `read_typed`."""
    artifacts = record.get("artifacts")
    if isinstance(artifacts, list):
        artifacts = [
            {**artifact, "sustained": None} if isinstance(artifact, dict) else artifact
            for artifact in artifacts
        ]
    return {**record, "artifacts": artifacts, "block_states": [], "cool_down": None}
