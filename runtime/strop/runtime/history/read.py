"""Finds the bench records and check reports below a folder; they may come from strangers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from strop.runtime.bench.record import BENCH_RECORD
from strop.runtime.check.judge.report import CHECK_REPORT
from strop.runtime.errors import MeasurementError, RecordError
from strop.runtime.history.measured import Measured, measured_by_bench, measured_by_check
from strop.runtime.records.json_reader import MAX_BYTES, parse_json
from strop.runtime.records.timestamps import moment_of
from strop.runtime.records.user_files import read_file
from strop.runtime.statistics.intervals import Interval

SUFFIX = ".json"
MAX_P50_NS = 3600 * 10**9
FIRST_YEAR, LAST_YEAR = 2020, 2199  # a Raspberry Pi without network begins in 1970
BENCH_FIELDS = {"format_version", "inputs", "plan", "artifacts"}
REMEDY = "needed is what strop bench --output or strop check --output writes"
OTHER_MODES = ("stored", "budget")  # of strop check
CHECK_FIELDS = {"format_version", "mode", "plan", "artifacts"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A file that adds nothing.

    Attributes:
        path: Below the folder.
        reason: Why not.
    """

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """What a folder holds.

    Attributes:
        measured: Every record that says when it was measured, by its path below the folder.
        unreadable: Records, or what looks like one, that cannot be used.
        others: Files that are no records.
    """

    measured: tuple[tuple[str, Measured], ...]
    unreadable: tuple[Skipped, ...]
    others: tuple[Skipped, ...]


def read_records(folder: Path) -> Records:
    """Read all records below the folder, but for hidden files and folders.

    Symbolic links are not followed: what lies in the folder is found where it lies.

    Raises:
        RecordError: It is no folder that can be read, or holds no record that can be used.
    """
    measured: list[tuple[str, Measured]] = []
    unreadable: list[Skipped] = []
    others: list[Skipped] = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        reason = _no_record(path)
        if reason is not None:
            others.append(Skipped(path=name, reason=reason))
            continue
        try:
            found = _read(path)
        except MeasurementError as err:
            reason = str(err).removeprefix(f"{path.name}: ")
            unreadable.append(Skipped(path=name, reason=reason))
            continue
        if found is None:
            others.append(Skipped(path=name, reason="is another kind of JSON"))
        else:
            measured.append((name, found))
    if not measured:
        raise RecordError(_none(folder, unreadable, others))
    return Records(measured=tuple(measured), unreadable=tuple(unreadable), others=tuple(others))


def _files(folder: Path) -> Iterator[Path]:
    def fail(err: OSError) -> None:
        raise RecordError(f"{err.filename}: {err.strerror}; needed is a folder of records") from err

    for parent, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _no_record(path: Path) -> str | None:
    if path.is_symlink():
        return "is a link"
    if not path.is_file():
        return "is no file"
    return None if path.suffix == SUFFIX else f"is no {SUFFIX}"


def _read(path: Path) -> Measured | None:
    """Read the record; None where the JSON is something else.

    Raises:
        MeasurementError: It cannot be read, or says no sensible time or latency.
    """
    text = read_file(path, max_bytes=MAX_BYTES, error=MeasurementError, remedy=REMEDY)
    fields = parse_json(text, where=path.name, error=MeasurementError, remedy=REMEDY)
    fields = fields if isinstance(fields, dict) else {}
    keys = set(fields)
    try:
        if keys >= BENCH_FIELDS:
            found = measured_by_bench(BENCH_RECORD.loads(text, where=path.name))
        elif keys >= CHECK_FIELDS:
            _require_pairs(fields["mode"])
            found = measured_by_check(CHECK_REPORT.loads(text, where=path.name))
        else:
            return None
    # All types are right, and the numbers may still make no sense.
    except (ArithmeticError, LookupError, ValueError) as err:
        raise MeasurementError(f"its numbers contradict each other ({err})") from err
    _require_drawable(found)
    # Without the samples: a year's records would fill a Raspberry Pi's memory.
    return replace(
        found, latencies=tuple(replace(latency, runs_ns=()) for latency in found.latencies)
    )


def _require_pairs(mode: object) -> None:
    """Refuse what `strop check` writes in its other modes, which has a format of its own."""
    if mode in OTHER_MODES:
        raise MeasurementError(
            f"is a check of the mode {mode}, which is not drawn; strop bench --output is"
        )


def _require_drawable(found: Measured) -> None:
    if found.created_at is None:
        raise MeasurementError("says no time: an older strop wrote it; measure again")
    if not FIRST_YEAR <= moment_of(found.created_at).year <= LAST_YEAR:
        raise MeasurementError(
            f"says {found.created_at}: the clock of the board was not set; measure again"
        )
    if not found.latencies:
        raise MeasurementError("has no artifact with samples enough for a p50")
    for latency in found.latencies:
        interval = latency.interval_ns or Interval(low=latency.p50_ns, high=latency.p50_ns)
        for value_ns in (latency.p50_ns, interval.low, interval.high):
            if not 0 < value_ns < MAX_P50_NS:
                raise MeasurementError(
                    f"{latency.name}: p50 or its interval is not in 0 to an hour"
                )


def _none(folder: Path, unreadable: list[Skipped], others: list[Skipped]) -> str:
    found = "; ".join(f"{each.path}: {each.reason}" for each in (*unreadable, *others)[:3])
    return (
        f"{folder}: {len(unreadable) + len(others)} files and no record among them that can be"
        f" drawn{f' ({found})' if found else ''}; {REMEDY}"
    )
