"""What bench records and check reports have in common: p50 of artifacts, with its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from statistics import median

from strop.runtime.bench.record import ArtifactRecord, BenchRecord
from strop.runtime.bench.validity import validity
from strop.runtime.check.judge.anatomy import Subject
from strop.runtime.check.judge.decide import Decision, Verdict
from strop.runtime.check.judge.report import CheckReport
from strop.runtime.check.measure.samples import A, B, Pair
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.machine.machine import Machine
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.statistics.intervals import Interval, percentile_ns, quantile_interval


class Source(str, Enum):
    """How an artifact was measured; numbers of two sources do not compare."""

    BENCH = "bench"
    CHECK = "check"
    BASELINE = "baseline"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """p50 over the baseline's.

    Attributes:
        value: Above 1 is slower.
        low: Its lower bound.
        high: Its upper bound.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """One artifact in one record.

    Attributes:
        name: File name.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        facts: What ran it.
        source: By what it was measured.
        runs_ns: Timed inferences that count, of each process.
        p50_ns: As the command prints it.
        interval_ns: 95 % interval of it: over processes if there were several, else over
            one process's inferences.
        ratio: To the baseline of a check; None elsewhere, and if it is not known.
        is_usable: False where the run does not count.
    """

    name: str
    sha256: str
    size_bytes: int
    facts: EngineFacts
    source: Source
    runs_ns: tuple[tuple[int, ...], ...]
    p50_ns: float
    interval_ns: Interval | None
    ratio: Ratio | None
    is_usable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One record.

    Attributes:
        strop_version: Version that measured.
        created_at: When, as `timestamp` writes it; None if the record does not say.
        machine: On what.
        latencies: In the record's order; of a check, the baseline last.
        unstated: Names of artifacts with too few samples for a p50, or none that count.
    """

    strop_version: str
    created_at: str | None
    machine: Machine
    latencies: tuple[Latency, ...]
    unstated: tuple[str, ...]

    def named(self, *, has_baseline: bool = False) -> Iterator[tuple[str, Latency]]:
        """Each latency with a name of its own: "m.tflite", "m.tflite (2)", "old (baseline)".

        Args:
            has_baseline: Whether the baseline is one of them.
        """
        seen: Counter[str] = Counter()
        for latency in self.latencies:
            if latency.source is Source.BASELINE and not has_baseline:
                continue
            # No lone surrogate, which JSON has an escape for that most readers refuse, and no
            # line break, which pyperf refuses.
            name = one_line(latency.name)
            if latency.source is Source.BASELINE:
                name += " (baseline)"
            seen[name] += 1
            yield name if seen[name] == 1 else f"{name} ({seen[name]})", latency


def measured_by_bench(record: BenchRecord) -> Measured:
    """Read the latencies of a bench record's artifacts."""
    # Unknown is usable: most machines say nothing of their clock.
    is_usable = validity(record).is_usable is not False
    names = [artifact.name for artifact in record.artifacts]
    return _measured(record, names, [_of_bench(each, is_usable) for each in record.artifacts])


def measured_by_check(report: CheckReport) -> Measured:
    """Read the latencies of a check report's artifacts, and of the baseline beside the first."""
    first = report.artifacts[0]
    news = [_of_check(each.subject, each.pairs, B, each.decision) for each in report.artifacts]
    names = [each.subject.name for each in report.artifacts]
    old = _of_check(report.baseline, first.pairs, A, first.decision)
    return _measured(report, [*names, report.baseline.name], [*news, old])


def _measured(
    record: BenchRecord | CheckReport, names: Sequence[str], found: Sequence[Latency | None]
) -> Measured:
    return Measured(
        strop_version=record.strop_version,
        created_at=record.created_at,
        machine=record.machine,
        latencies=tuple(each for each in found if each is not None),
        unstated=tuple(name for name, each in zip(names, found, strict=True) if each is None),
    )


def _of_bench(artifact: ArtifactRecord, is_usable: bool) -> Latency | None:
    samples_ns = artifact.samples.invoke_ns
    p50_ns = percentile_ns(samples_ns, 0.5)
    if p50_ns is None:
        return None
    return Latency(
        name=artifact.name,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        facts=artifact.facts,
        source=Source.BENCH,
        runs_ns=(samples_ns,),
        p50_ns=p50_ns,
        interval_ns=quantile_interval(samples_ns),
        ratio=None,
        is_usable=is_usable,
    )


def _of_check(
    subject: Subject, pairs: Sequence[Pair], arm: str, decision: Decision
) -> Latency | None:
    blocks = [
        [block for quad in pair.valid_quads for block in quad.of(arm)]
        for pair in pairs
        if pair.valid_quads
    ]
    if not blocks:
        return None
    medians = [median(block.p50_ns for block in process) for process in blocks]
    return Latency(
        name=subject.name,
        sha256=subject.sha256,
        size_bytes=subject.anatomy.size_bytes,
        facts=subject.anatomy.facts,
        source=Source.CHECK if arm == B else Source.BASELINE,
        runs_ns=tuple(
            tuple(chain.from_iterable(block.invoke_ns for block in process)) for process in blocks
        ),
        p50_ns=median(block.p50_ns for block in chain.from_iterable(blocks)),
        interval_ns=quantile_interval(list(map(round, medians))),
        ratio=_ratio(decision) if arm == B else None,
        is_usable=decision.verdict is not Verdict.INVALID,
    )


def _ratio(decision: Decision) -> Ratio | None:
    ratio, low, high = decision.ratio, decision.low, decision.high
    if ratio is None or low is None or high is None:
        return None
    return Ratio(value=ratio, low=low, high=high)
