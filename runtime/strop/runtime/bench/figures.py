"""Derives the figures that a bench record supports from its raw samples."""

from __future__ import annotations

from dataclasses import dataclass

from strop.runtime.bench.coldstart import ColdStart
from strop.runtime.bench.energy import EnergyFigures, EnergySamples, energy_figures
from strop.runtime.bench.record import ArtifactRecord, BenchRecord
from strop.runtime.bench.split import SplitFigures, split_figures
from strop.runtime.bench.sustained import SustainedSamples
from strop.runtime.bench.validity import throttled_share
from strop.runtime.engines.engine import EngineFacts
from strop.runtime.statistics.intervals import Interval, percentile_ns, quantile_interval
from strop.runtime.units import NS_PER_S


@dataclass(frozen=True, kw_only=True, slots=True)
class SustainedFigures:
    """The figures of one artifact after minutes of load.

    Attributes:
        load_s: How long it ran alone.
        window_s: How much at the end the figures are of.
        p50_ns: Median inference in the window; None where the samples are too few.
        p50_interval_ns: 95 % interval of it within this run.
        n: Timed inferences in the window.
        p50_ratio: p50 over the artifact's own p50 before the load; above 1 is slower.
        throttled_share: Share of the window's blocks below the board's full speed, 0..1;
            None if the board does not report it.
    """

    load_s: float
    window_s: float
    p50_ns: int | None
    p50_interval_ns: Interval | None
    n: int
    p50_ratio: float | None
    throttled_share: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """The figures of one artifact.

    Attributes:
        name: File name.
        sha256: Of the file, hex.
        size_bytes: Of the file.
        facts: What ran it.
        cold_start: Load and first inference in a fresh process.
        p50_ns: Median of the warm inferences; None, like the other percentiles, where the
            samples are too few to state it.
        p90_ns: 9 of 10 take no longer.
        p99_ns: 99 of 100 take no longer.
        p50_interval_ns: 95 % interval of the median within this run.
        throughput_per_s: Inferences per second, one after the other.
        n: Timed inferences.
        p50_ratio: p50 over the p50 of the record's first artifact; below 1 is faster.
        sustained: After minutes of load; None if that was not measured.
        energy: Of an inference; None likewise.
        split: Of an answer to an image file; None likewise.
        instructions: Median of an inference; None where they were not counted.
    """

    name: str
    sha256: str
    size_bytes: int
    facts: EngineFacts
    cold_start: ColdStart
    p50_ns: int | None
    p90_ns: int | None
    p99_ns: int | None
    p50_interval_ns: Interval | None
    throughput_per_s: float
    n: int
    p50_ratio: float | None
    sustained: SustainedFigures | None
    energy: EnergyFigures | None = None
    split: SplitFigures | None = None
    instructions: int | None = None


def figures(record: BenchRecord) -> tuple[Figures, ...]:
    """The figures of each artifact of the record, in its order."""
    first_p50_ns = percentile_ns(record.artifacts[0].samples.invoke_ns, 0.5)
    return tuple(
        _figures(artifact, record=record, first_p50_ns=first_p50_ns)
        for artifact in record.artifacts
    )


def _figures(artifact: ArtifactRecord, *, record: BenchRecord, first_p50_ns: int | None) -> Figures:
    samples_ns = artifact.samples.invoke_ns
    p50_ns = percentile_ns(samples_ns, 0.5)
    return Figures(
        name=artifact.name,
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        facts=artifact.facts,
        cold_start=artifact.cold_start,
        p50_ns=p50_ns,
        p90_ns=percentile_ns(samples_ns, 0.9),
        p99_ns=percentile_ns(samples_ns, 0.99),
        p50_interval_ns=quantile_interval(samples_ns),
        throughput_per_s=len(samples_ns) * NS_PER_S / sum(samples_ns),
        n=len(samples_ns),
        p50_ratio=_ratio(p50_ns, first_p50_ns),
        sustained=_sustained(artifact.sustained, record=record, burst_p50_ns=p50_ns),
        energy=_energy(artifact.energy, record=record),
        split=None if artifact.split is None else split_figures(artifact.split),
        instructions=percentile_ns(artifact.samples.invoke_instructions, 0.5),
    )


def _sustained(
    samples: SustainedSamples | None, *, record: BenchRecord, burst_p50_ns: int | None
) -> SustainedFigures | None:
    if samples is None:
        return None
    p50_ns = percentile_ns(samples.invoke_ns, 0.5)
    return SustainedFigures(
        load_s=samples.load_s,
        window_s=samples.window_s,
        p50_ns=p50_ns,
        p50_interval_ns=quantile_interval(samples.invoke_ns),
        n=samples.window_runs,
        p50_ratio=_ratio(p50_ns, burst_p50_ns),
        throttled_share=throttled_share(
            samples.states,
            blocks=len(samples.block_runs),
            first=samples.window_block,
            record=record,
        ),
    )


def _energy(samples: EnergySamples | None, *, record: BenchRecord) -> EnergyFigures | None:
    if samples is None:
        return None
    windows = len(samples.window_j)
    share = throttled_share(samples.states, blocks=windows, record=record)
    return energy_figures(samples, throttled_share=share)


def _ratio(of_ns: int | None, to_ns: int | None) -> float | None:
    return of_ns / to_ns if of_ns and to_ns else None
