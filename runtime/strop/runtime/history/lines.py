"""Joins measurements into lines, and finds what changed along them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import pairwise

from strop.runtime.engines.engine import EngineFacts
from strop.runtime.history.measured import Latency, Measured, Source
from strop.runtime.machine.machine import Machine
from strop.runtime.records.timestamps import moment_of
from strop.runtime.statistics.intervals import Interval

HASH_DIGITS = 8


class Change(str, Enum):
    """What is not as at the point before."""

    ARTIFACT = "artifact"
    ENGINE = "engine"
    MACHINE = "machine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One measurement of one artifact.

    Attributes:
        moment: When.
        p50_ns: Median inference.
        interval_ns: 95 % interval of it.
        sha256: Of the artifact, hex.
        facts: What ran it.
        is_usable: False where the run does not count.
        record: The file that says so.
        changes: What is not as at the point before, with from what to what.
    """

    moment: datetime
    p50_ns: float
    interval_ns: Interval | None
    sha256: str
    facts: EngineFacts
    is_usable: bool
    record: str
    changes: tuple[tuple[Change, str], ...] = ()

    def has(self, change: Change) -> bool:
        """Whether it changed here."""
        return any(kind is change for kind, _ in self.changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What was measured alike: one artifact, on one machine, by one command.

    Attributes:
        artifact: File name.
        machine: On what.
        label: How it differs from the other lines of this artifact on this machine.
        points: In the order of time.
    """

    artifact: str
    machine: str
    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Alike:
    """What all points of a line share."""

    artifact: str
    source: Source
    num_threads: int
    identity: tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A measurement and where it is from."""

    latency: Latency
    measured: Measured
    record: str
    moment: datetime


def lines_of(records: Iterable[tuple[str, Measured]]) -> tuple[Line, ...]:
    """Make the lines, sorted by the artifact's name, by machine, the longest first.

    Args:
        records: Paths and records, which all say when.
    """
    alike: dict[_Alike, list[_Found]] = defaultdict(list)
    for record, measured in records:
        moment = moment_of(measured.created_at or "")
        for latency in measured.latencies:
            found = _Found(latency=latency, measured=measured, record=record, moment=moment)
            alike[_key(found)].append(found)
    machines = _names({key.identity: founds[0].measured.machine for key, founds in alike.items()})
    lines = [
        Line(
            artifact=key.artifact,
            machine=machines[key.identity],
            label=f"{key.source.value}, threads: {key.num_threads}",
            points=tuple(_points(founds)),
        )
        for key, founds in alike.items()
    ]
    return tuple(sorted(lines, key=lambda line: (line.artifact, line.machine, -len(line.points))))


def _key(found: _Found) -> _Alike:
    machine = found.measured.machine
    return _Alike(
        artifact=found.latency.name,
        source=found.latency.source,
        num_threads=found.latency.facts.num_threads,
        # Not what changes with an update or a boot: that is marked.
        identity=(
            *(machine.cpu_model, machine.board, machine.arch, machine.isa, machine.cores_online),
        ),
    )


def _names(machines: dict[tuple[object, ...], Machine]) -> dict[tuple[object, ...], str]:
    """Name the machines as they call themselves, numbered where several share a name."""
    seen: Counter[str] = Counter()
    names = {}
    for identity, machine in machines.items():
        name = machine.board or machine.cpu_model or machine.arch
        cores = "" if machine.cores_online is None else f", cores: {machine.cores_online}"
        seen[name + cores] += 1
        number = seen[name + cores]
        names[identity] = name + cores + (f" #{number}" if number > 1 else "")
    return names


def _points(founds: Sequence[_Found]) -> Iterator[Point]:
    ordered = sorted(founds, key=lambda found: (found.moment, found.record))
    yield _point(ordered[0], ())
    for before, after in pairwise(ordered):
        yield _point(after, tuple(_changes(before, after)))


def _point(found: _Found, changes: tuple[tuple[Change, str], ...]) -> Point:
    latency = found.latency
    return Point(
        moment=found.moment,
        p50_ns=latency.p50_ns,
        interval_ns=latency.interval_ns,
        sha256=latency.sha256,
        facts=latency.facts,
        is_usable=latency.is_usable,
        record=found.record,
        changes=changes,
    )


def _changes(before: _Found, after: _Found) -> Iterator[tuple[Change, str]]:
    old, new = before.latency, after.latency
    if old.sha256 != new.sha256:
        text = f"artifact: {old.sha256[:HASH_DIGITS]} -> {new.sha256[:HASH_DIGITS]}"
        yield Change.ARTIFACT, text
    for kind, a, b in (
        (Change.ENGINE, _engine(old.facts), _engine(new.facts)),
        (Change.MACHINE, _state(before.measured.machine), _state(after.measured.machine)),
    ):
        yield from ((kind, f"{name}: {a[name]} -> {b[name]}") for name in a if a[name] != b[name])


def _engine(facts: EngineFacts) -> dict[str, object]:
    return {
        "engine": f"{facts.engine} {facts.version}",
        "kernels": facts.kernels_in_words,
    }


def _state(machine: Machine) -> dict[str, object]:
    """Collect what may change on the same hardware and change its speed."""
    return {
        "system": machine.os,
        "kernel": machine.kernel,
        "Python": machine.python,
        "governor": machine.governor,
        "highest clock, Hz": machine.max_frequency_hz,
    }
