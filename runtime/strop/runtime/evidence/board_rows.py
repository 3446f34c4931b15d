"""Reads bench records of many machines into rows: network by board, with what vouches for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from strop.runtime.bench.figures import Figures, figures
from strop.runtime.bench.record import BENCH_RECORD, BenchRecord
from strop.runtime.bench.validity import MAX_INVALID_SHARE, validity
from strop.runtime.check.judge.certified import MANIFEST, MAX_MANIFEST_BYTES
from strop.runtime.errors import ContractError, MeasurementError, RecordError
from strop.runtime.evidence.measured_files import BENCH, MAX_RECORD_BYTES, REMEDY
from strop.runtime.evidence.published import PublishedFigure, read_published
from strop.runtime.evidence.ssh_signature import Standing, signature_of
from strop.runtime.machine.machine import Machine
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.user_files import read_file
from strop.runtime.statistics.intervals import Interval

RECORD = ".json"
MAX_RECORDS = 10_000
DAY = len("2026-11-30")


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardRow:
    """One file on one machine.

    Attributes:
        path: Of the record, below the folder.
        artifact: File name.
        sha256: Of the file, hex.
        machine: The board, or else the processor.
        engine: Engine and kernels.
        num_threads: Within one inference.
        p50_ns: Median inference.
        p50_interval_ns: 95 % interval of it; None where the samples are too few.
        first_result_ns: Load and first inference in a fresh process.
        energy_mj: Of an inference, millijoules; None where it was not measured.
        energy_interval_mj: 95 % interval of it; None likewise.
        agreement: Same answer as the float model, a share of the certificate's images; None where
            no manifest beside the record certifies the file.
        day: When, as 2026-11-30; empty where the record does not say.
        signer: Who signed the record; empty for nobody.
    """

    path: str
    artifact: str
    sha256: str
    machine: str
    engine: str
    num_threads: int
    p50_ns: int
    p50_interval_ns: Interval | None
    first_result_ns: int
    energy_mj: float | None
    energy_interval_mj: Interval | None
    agreement: float | None
    day: str
    signer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRecord:
    """A record that is not in the table.

    Attributes:
        path: Below the folder.
        reason: Why not.
    """

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Boards:
    """What a folder's records say.

    Attributes:
        rows: By artifact, then the fastest machine first.
        refused: Records that do not count, by path.
        published: Figures of others, from PUBLISHED in the folder.
    """

    rows: tuple[BoardRow, ...]
    refused: tuple[RefusedRecord, ...]
    published: tuple[PublishedFigure, ...]


def read_boards(folder: Path, *, signers: Path | None = None) -> Boards:
    """Read every bench record below a folder; links and hidden files are passed over.

    Args:
        folder: Of records of any machines, each beside the manifest of its files or without.
        signers: An allowed-signers file: a record has to be signed by one of them.

    Raises:
        RecordError: It is no folder, or has no bench record; or what others published is damaged.
        PlanError: The signers cannot be read, or there is no ssh-keygen for a signature.
    """
    published = read_published(folder)
    rows: list[BoardRow] = []
    refused: list[RefusedRecord] = []
    agreements = cache(_agreements)  # one manifest stands beside many records
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            record = _bench_record(path)
            if record is not None:
                certified = agreements(path.parent / MANIFEST)
                rows += _rows(name, record, _signer(path, signers), certified)
        except MeasurementError as err:
            refused.append(RefusedRecord(path=name, reason=str(err).removeprefix(f"{path}: ")))
    if not (rows or refused or published):
        raise RecordError(f"{folder}: no bench record; needed is what strop bench --output writes")
    ordered = sorted(rows, key=lambda row: (row.artifact, row.sha256, row.p50_ns))
    return Boards(rows=tuple(ordered), refused=tuple(refused), published=published)


def _files(folder: Path) -> Iterator[Path]:
    def fail(err: OSError) -> None:
        raise RecordError(f"{err.filename}: {err.strerror}; needed is a folder of records") from err

    found = 0
    for parent, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or not name.endswith(RECORD) or path.is_symlink():
                continue
            found += 1
            if found > MAX_RECORDS:
                raise RecordError(f"{folder}: more than {MAX_RECORDS} {RECORD} files; split it up")
            yield path


def _bench_record(path: Path) -> BenchRecord | None:
    """Read a record; None of other JSON."""
    content = read_file(path, max_bytes=MAX_RECORD_BYTES, error=MeasurementError, remedy=REMEDY)
    found = parse_json(content, where=str(path), error=MeasurementError, remedy=REMEDY)
    if not isinstance(found, dict) or not found.keys() >= BENCH:
        return None
    return BENCH_RECORD.loads(content, where=str(path))


def _signer(path: Path, signers: Path | None) -> str:
    signature = signature_of(path, signers)
    if signature is None:
        if signers is not None:
            raise MeasurementError("not signed; strop bench --output --sign KEY signs it")
        return ""
    if signature.standing is Standing.WRONG:
        raise MeasurementError(f"its signature does not fit ({signature.reason})")
    if signers is not None and signature.standing is not Standing.GOOD:
        raise MeasurementError(f"signed with {signature.key}, and {signature.reason}")
    return signature.signer or signature.key


def _rows(
    name: str, record: BenchRecord, signer: str, certified: Mapping[str, float]
) -> list[BoardRow]:
    try:
        judged = validity(record)
        found = figures(record)
    # All types are right, and the numbers may still make no sense.
    except (ArithmeticError, LookupError, ValueError) as err:
        raise MeasurementError(f"its numbers contradict each other ({err})") from err
    if judged.is_usable is False:
        reasons = [each.name for each in judged.disturbances] or list(judged.counts)
        raise MeasurementError(f"was disturbed ({', '.join(reasons)}); measure again")
    return [_row(each, name, record, signer, certified.get(each.sha256)) for each in found]


def _row(
    found: Figures, path: str, record: BenchRecord, signer: str, agreement: float | None
) -> BoardRow:
    if found.p50_ns is None:
        raise MeasurementError(f"{found.name}: too few inferences for a p50; measure longer")
    if found.energy is not None and (found.energy.throttled_share or 0) > MAX_INVALID_SHARE:
        raise MeasurementError(f"{found.name}: was slowed down beside the meter; measure again")
    return BoardRow(
        path=path,
        artifact=found.name,
        sha256=found.sha256,
        machine=machine_name(record.machine),
        engine=f"{found.facts.engine} {found.facts.version}, {found.facts.kernels}",
        num_threads=found.facts.num_threads,
        p50_ns=found.p50_ns,
        p50_interval_ns=found.p50_interval_ns,
        first_result_ns=found.cold_start.load_ns + found.cold_start.first_invoke_ns,
        energy_mj=None if found.energy is None else found.energy.mj,
        energy_interval_mj=None if found.energy is None else found.energy.interval_mj,
        agreement=agreement,
        day=(record.created_at or "")[:DAY],
        signer=signer,
    )


def machine_name(machine: Machine) -> str:
    """Name a machine as people do."""
    return machine.board or machine.cpu_model or machine.arch


def _agreements(manifest: Path) -> dict[str, float]:
    """Read which files a manifest certifies, by hash; a folder without one has none."""
    try:
        content = read_file(manifest, max_bytes=MAX_MANIFEST_BYTES, error=ContractError, remedy="")
        record: Any = parse_json(content, where=str(manifest), error=ContractError, remedy="")
        hashes = {each["file"]: str(each["sha256"]) for each in record["artifacts"]}
        return {
            hashes[each["artifact"]]: float(each["agreement"])
            for each in record["certificate"]["verdicts"]
            if each["agreement"] is not None
        }
    except (ContractError, LookupError, TypeError, ValueError):
        return {}
