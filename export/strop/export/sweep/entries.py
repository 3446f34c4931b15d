"""Makes the rows of a sweep: each file of each member, with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strop.export.certify.certificate import drop_units
from strop.export.sweep.energy import Energy, energy
from strop.export.sweep.record import ArtifactResult, Counts, MemberRecord
from strop.runtime.artifact.contract import Task
from strop.runtime.bench.energy import EnergyFigures
from strop.runtime.bench.figures import figures
from strop.runtime.bench.record import BenchRecord
from strop.runtime.bench.validity import validity
from strop.runtime.classify.task_words import WORDS, TaskWords
from strop.runtime.statistics.intervals import Interval
from strop.runtime.units import NS_PER_MS

# Behind the point: sums in float differ between engines in the digits behind them.
ERROR_DIGITS = 4
# Of several outputs: one figure to compare by, as a training chooses its epoch.
SEVERAL = TaskWords(
    measure="wrong answers and mean errors, summed", lost="nearness", answer="", is_error=True
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """The latency of a file, measured or predicted.

    Attributes:
        p50_ms: Median.
        interval_ms: 95 % interval of it within its run; of a prediction None.
        engine: Name, version and kernels; of a prediction those it was fitted on.
        is_predicted: It was not measured, but follows from others that were.
        is_usable: False where the run was disturbed; None where the machine does not tell.
    """

    p50_ms: float
    interval_ms: Interval | None
    engine: str
    is_predicted: bool
    is_usable: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file.

    Attributes:
        member: Name of its member.
        format: "tflite" or "onnx".
        precision: As on the command line.
        counts: Of its network.
        images: Of the certificate.
        float_top1: Of the float model; None without labels.
        task: What its scores are.
        result: Its size, accuracy and drop.
        energy: Estimated.
        measured_energy: Of an inference; None where it was not measured.
        latency: None where it was not measured.
        latency_error: Why it could not be; None where nothing failed.
    """

    member: str
    format: str
    precision: str
    counts: Counts
    images: int
    float_top1: float | None
    task: Task
    result: ArtifactResult
    energy: Energy
    measured_energy: EnergyFigures | None
    latency: Latency | None
    latency_error: str | None

    @property
    def name(self) -> str:
        """Of the file."""
        return self.result.file

    @property
    def words(self) -> TaskWords:
        """What its figures are called; of several outputs what their sum is."""
        outputs = self.result.outputs
        if not outputs:
            return WORDS[self.task]
        return replace(SEVERAL, unit=drop_units(each.task for each in outputs))

    @property
    def measure(self) -> float | None:
        """Return the task's own figure, a share: of right answers, or an error of the spread."""
        if not self.words.is_error or self.result.error is None:
            return self.result.top1
        return round(self.result.error, ERROR_DIGITS)


def measures(entries: Sequence[Entry]) -> str:
    """Name the figures of all files, each once: of a folder of models they may be several."""
    return " / ".join(dict.fromkeys(map(_measure_name, entries)))


def _measure_name(entry: Entry) -> str:
    measure = entry.words.measure
    if entry.result.outputs or not entry.words.is_error:
        return measure
    whole = "the longer side" if entry.task is Task.LANDMARKS else "spread"
    return f"{measure}, share of {whole}"


def entries(
    records: Sequence[MemberRecord],
    benches: Mapping[str, BenchRecord],
    errors: Mapping[str, str],
) -> tuple[Entry, ...]:
    """Make all rows, in the members' order.

    Args:
        records: Of members that were made; others give no rows.
        benches: By file name, where it was measured.
        errors: By file name, where it could not be.
    """
    return tuple(
        _entry(record, counts, result, benches.get(result.file), errors.get(result.file))
        for record, counts in _made(records)
        for result in record.artifacts
    )


def _made(records: Sequence[MemberRecord]) -> Iterator[tuple[MemberRecord, Counts]]:
    for record in records:
        if record.counts is not None:
            yield record, record.counts


def _entry(
    record: MemberRecord,
    counts: Counts,
    result: ArtifactResult,
    bench: BenchRecord | None,
    error: str | None,
) -> Entry:
    precision = record.member.precision
    return Entry(
        member=record.member.name,
        format=result.file.rpartition(".")[2],
        precision=precision.value,
        counts=counts,
        images=record.images,
        float_top1=record.float_top1,
        task=record.task,
        result=result,
        energy=energy(counts, precision),
        measured_energy=None if bench is None else figures(bench)[0].energy,
        latency=None if bench is None else latency_of(bench),
        latency_error=error,
    )


def latency_of(bench: BenchRecord) -> Latency | None:
    """Return the median of a record's one file; None if its samples are too few to state it."""
    (found,) = figures(bench)
    if found.p50_ns is None:
        return None
    interval = found.p50_interval_ns
    return Latency(
        p50_ms=found.p50_ns / NS_PER_MS,
        interval_ms=None
        if interval is None
        else Interval(low=interval.low / NS_PER_MS, high=interval.high / NS_PER_MS),
        engine=f"{found.facts.engine} {found.facts.version} ({found.facts.kernels})",
        is_predicted=False,
        is_usable=validity(bench).is_usable,
    )
