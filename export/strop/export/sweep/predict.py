"""The latency of files that were not measured, from those that were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from strop.export.options.choices import Precision
from strop.export.sweep.entries import Entry, Latency
from strop.export.sweep.latency_model import LatencyModel, Point, fitted, spread
from strop.export.sweep.record import Counts, MemberRecord

Kind = tuple[str, str]
"""Format and precision: files of two of these do not predict each other."""


def to_measure(records: Sequence[MemberRecord], count: int | None) -> frozenset[str]:
    """Names of the files to be measured: all, or so many of each format and precision."""
    kinds: defaultdict[Kind, dict[str, Counts]] = defaultdict(dict)
    for record in records:
        for artifact in record.artifacts:
            form = artifact.file.rpartition(".")[2]
            if record.counts is not None:
                kinds[form, record.member.precision.value][artifact.file] = record.counts
    return frozenset(
        chain.from_iterable(
            spread(counts, len(counts) if count is None else count) for counts in kinds.values()
        )
    )


def predicted(
    entries: Sequence[Entry],
) -> tuple[tuple[Entry, ...], tuple[LatencyModel, ...]]:
    """The rows with the missing latencies, and the models that these are from.

    A file that could not be measured gets none: what cannot run has no latency.
    """
    models = {(model.format, model.precision.value): model for model in _models(entries)}
    filled = []
    for entry in entries:
        model = models.get((entry.format, entry.precision))
        operations = entry.result.operations
        is_open = entry.latency is None and entry.latency_error is None
        if is_open and model is not None and operations is not None:
            latency = Latency(
                p50_ms=model.p50_ms(entry.counts, operations),
                interval_ms=None,
                engine=model.engine,
                is_predicted=True,
                is_usable=None,
            )
            filled.append(replace(entry, latency=latency))
        else:
            filled.append(entry)
    return tuple(filled), tuple(models.values())


def _models(entries: Sequence[Entry]) -> Iterator[LatencyModel]:
    kinds: defaultdict[Kind, defaultdict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        if entry.latency is not None and entry.result.operations is not None:
            point = Point(
                name=entry.name,
                counts=entry.counts,
                operations=entry.result.operations,
                p50_ms=entry.latency.p50_ms,
            )
            kinds[entry.format, entry.precision][entry.latency.engine].append(point)
    for (form, precision), engines in kinds.items():
        # Records of an earlier version of the engine may be among them.
        engine, points = max(engines.items(), key=lambda item: len(item[1]))
        model = fitted(points, form=form, precision=Precision(precision), engine=engine)
        if model is not None:
            yield model
