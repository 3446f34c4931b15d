"""Predicts latency from counts: fits it on the measured files, and says how wrong that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median

import numpy as np

from strop.export.options.choices import Precision
from strop.export.sweep.entries import Entry, Latency
from strop.export.sweep.least_squares import Floats, nonnegative_least_squares
from strop.export.sweep.record import Counts, MemberRecord
from strop.runtime.units import NS_PER_MS

LEAST_MEASURED = 3  # two to fit on, one to hold out
INT8_BYTES, FLOAT_BYTES = 1, 4
FEATURES = (
    "1x1 multiply-adds",
    "depthwise multiply-adds",
    "depthwise multiply-adds, rest",
    "larger kernel multiply-adds",
    "dense multiply-adds",
    "activation bytes",
    "operations",
    "constant",
)


Kind = tuple[str, str]
"""Format and precision: files of two of these do not predict each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyModel:
    """A model of p50 as a sum of costs, for the files of one engine in one precision.

    Attributes:
        format: Of the files.
        precision: Of the files.
        engine: Name, version and kernels that all were measured with.
        measured: Names of the files that it is fitted on.
        ns_each: By FEATURES, nanoseconds for one; none is negative.
        median_rel_error: Of predictions of each measured file by a model that is fitted on
            the others.
        worst_rel_error: The largest of these errors.
    """

    format: str
    precision: Precision
    engine: str
    measured: tuple[str, ...]
    ns_each: tuple[float, ...]
    median_rel_error: float
    worst_rel_error: float

    def p50_ms(self, counts: Counts, operations: int) -> float:
        """What it predicts for a file of so many operations."""
        total_ns = np.dot(self.ns_each, _features(counts, operations, self.precision))
        return float(total_ns) / NS_PER_MS


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A file whose latency is known.

    Attributes:
        name: Of the file.
        counts: Of its network.
        operations: In the file.
        p50_ms: Measured.
    """

    name: str
    counts: Counts
    operations: int
    p50_ms: float


def fitted(
    points: Sequence[Point], *, form: str, precision: Precision, engine: str
) -> LatencyModel | None:
    """Fit the model with the least relative error; None for fewer than LEAST_MEASURED files.

    Relative, so that a network of 1 ms counts as much as one of 50. Each file is held out
    once, to say how wrong the model is about what it has not seen.
    """
    if len(points) < LEAST_MEASURED:
        return None
    matrix = np.array([_features(point.counts, point.operations, precision) for point in points])
    measured_ns = np.array([point.p50_ms * NS_PER_MS for point in points])
    errors = []
    for i in range(len(points)):
        others = np.arange(len(points)) != i
        ns_each = _fit(matrix[others], measured_ns[others])
        errors.append(abs(float(matrix[i] @ ns_each) / float(measured_ns[i]) - 1))
    return LatencyModel(
        format=form,
        precision=precision,
        engine=engine,
        measured=tuple(point.name for point in points),
        ns_each=tuple(float(each) for each in _fit(matrix, measured_ns)),
        median_rel_error=median(errors),
        worst_rel_error=max(errors),
    )


def spread(names_and_counts: Mapping[str, Counts], count: int) -> tuple[str, ...]:
    """Choose so many networks by name, evenly spread from the cheapest to the dearest on paper.

    Before anything is measured, multiply-adds are what is known. Cheapest and dearest are
    among them, so that predictions lie between what was measured.
    """
    ordered = sorted(
        names_and_counts,
        key=lambda name: (names_and_counts[name].multiply_adds, names_and_counts[name].activations),
    )
    if count >= len(ordered):
        return tuple(ordered)
    places = np.rint(np.linspace(0, len(ordered) - 1, count)).astype(int)
    return tuple(ordered[place] for place in places)


def _fit(matrix: Floats, measured_ns: Floats) -> Floats:
    relative = matrix / measured_ns[:, None]
    # Of one size each: counts are millions, the constant is 1.
    largest = relative.max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    found = nonnegative_least_squares(relative / scale, np.ones(len(measured_ns)))
    return found / scale


def _features(counts: Counts, operations: int, precision: Precision) -> Floats:
    size = INT8_BYTES if precision is Precision.INT8 else FLOAT_BYTES
    return np.array(
        [
            counts.pointwise,
            counts.depthwise - counts.depthwise_rest,
            counts.depthwise_rest,
            counts.spatial,
            counts.dense,
            counts.activations * size,
            operations,
            1,
        ],
        float,
    )


def to_measure(records: Sequence[MemberRecord], count: int | None) -> frozenset[str]:
    """Choose the files to measure by name: all, or so many of each format and precision."""
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
    """Fill in the missing latencies of the rows, and return the models that these are from.

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
