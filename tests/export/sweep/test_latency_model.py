"""Latency follows from counts where it does, and what it misses is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
from tests.export.sweep.fake_sweep import COUNTS, PLAN, Exporter, Stopwatch, job

from strop.export.options.choices import Precision
from strop.export.sweep.latency_model import FEATURES, LatencyModel, Point, fitted, spread
from strop.export.sweep.least_squares import nonnegative_least_squares
from strop.export.sweep.make import Job, Made
from strop.export.sweep.record import Counts
from strop.export.sweep.sweep import Steps, Sweep, sweep


@pytest.mark.parametrize("seed", range(20))
def test_least_squares_are_those_of_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.uniform(0, 1, (int(generator.integers(2, 15)), 7))
    target = matrix @ generator.normal(0.2, 1, 7) + generator.normal(0, 0.1, len(matrix))
    found = nonnegative_least_squares(matrix, target)
    assert np.all(found >= 0)
    _, norm = scipy.optimize.nnls(matrix, target)
    # The minimum is one, though for fewer rows than columns several x reach it.
    assert np.linalg.norm(matrix @ found - target) == pytest.approx(norm, rel=1e-6, abs=1e-9)


def network(generator: np.random.Generator) -> Counts:
    pointwise, depthwise, spatial, dense = (int(each) for each in generator.integers(1, 100, 4))
    millions = 1_000_000
    return replace(
        COUNTS,
        pointwise=pointwise * millions,
        depthwise=depthwise * millions // 10,
        depthwise_rest=int(generator.integers(0, depthwise * millions // 10)),
        spatial=spatial * millions // 10,
        dense=dense * millions // 100,
        multiply_adds=pointwise * millions,
        activations=int(generator.integers(100_000, 2_000_000)),
        layers=int(generator.integers(20, 60)),
    )


def by_law(counts: Counts) -> float:
    """A machine, in ms: 0.01 ns a 1x1 multiply-add, 0.05 a depthwise one, 2 alone, 2 us a layer."""
    depthwise = 0.05 * (counts.depthwise - counts.depthwise_rest) + 2 * counts.depthwise_rest
    ns = 0.01 * counts.pointwise + depthwise + 2000 * counts.layers + 5000
    return ns / 1e6


def point(counts: Counts, p50_ms: float) -> Point:
    """A file with as many operations as its network has layers that multiply."""
    return Point(name="", counts=counts, operations=counts.layers, p50_ms=p50_ms)


def model_of(points: list[Point]) -> LatencyModel:
    model = fitted(points, form="tflite", precision=Precision.INT8, engine="litert")
    assert model is not None
    return model


def test_a_law_without_noise_is_found() -> None:
    generator = np.random.default_rng(0)
    networks = [network(generator) for _ in range(12)]
    model = model_of([point(each, by_law(each)) for each in networks])
    assert dict(zip(FEATURES, model.ns_each, strict=True)) == pytest.approx(
        {
            **dict.fromkeys(FEATURES, 0),
            "1x1 multiply-adds": 0.01,
            "depthwise multiply-adds": 0.05,
            "depthwise multiply-adds, rest": 2,
            "operations": 2000,
            "constant": 5000,
        },
        rel=1e-6,
        abs=1e-6,
    )
    assert model.worst_rel_error < 1e-6
    unseen = network(generator)
    assert model.p50_ms(unseen, unseen.layers) == pytest.approx(by_law(unseen), rel=1e-6)


def test_a_file_that_follows_no_law_is_told_as_the_worst() -> None:
    generator = np.random.default_rng(0)
    networks = [network(generator) for _ in range(12)]
    points = [point(each, by_law(each)) for each in networks]
    odd = [*points[:-1], replace(points[-1], p50_ms=2 * points[-1].p50_ms)]
    model = model_of(odd)
    # Held out, it is predicted by the law: half of what was measured.
    assert model.worst_rel_error >= 0.5 - 1e-6
    assert model.median_rel_error < model.worst_rel_error


def test_too_few_files_give_no_model() -> None:
    points = [point(COUNTS, 1.0)] * 2
    assert fitted(points, form="tflite", precision=Precision.INT8, engine="litert") is None


def test_the_measured_ones_reach_from_the_cheapest_to_the_dearest() -> None:
    counts = {f"n{i}": replace(COUNTS, multiply_adds=(i * 7) % 10) for i in range(10)}
    chosen = spread(counts, 4)
    assert [counts[name].multiply_adds for name in chosen] == [0, 3, 6, 9]
    assert len(spread(counts, 99)) == 10
    assert spread(counts, 0) == ()


class ExporterOfMany(Exporter):
    """Each network with counts of its own, by the number in its name."""

    def make(self, job: Job) -> Made:
        made = super().make(job)
        number = int(job.member.network[1:])
        counts = replace(COUNTS, pointwise=number * 10**6, multiply_adds=number * 10**6)
        return replace(made, record=replace(made.record, counts=counts))


def swept(folder: Path, files: int) -> tuple[Sweep, Stopwatch]:
    exporter = ExporterOfMany()
    stopwatch = Stopwatch(p50_ns={f"n{i}.int8.tflite": 10_000 + 5_000 * i for i in range(1, 10)})
    steps = Steps(
        make=exporter.make, open_executor=exporter.open_executor, measure=stopwatch.measure
    )
    jobs = [job(f"n{i}") for i in range(1, 10)]
    return sweep(folder, jobs, replace(PLAN, files=files), steps), stopwatch


def test_the_rest_is_predicted_and_marked(tmp_path: Path) -> None:
    found, stopwatch = swept(tmp_path, 3)
    assert stopwatch.measured == [f"n{i}.int8.tflite" for i in (1, 5, 9)]
    latencies = [entry.latency for entry in found.entries]
    assert [each is not None and each.is_predicted for each in latencies] == [
        i not in (1, 5, 9) for i in range(1, 10)
    ]
    for i, each in enumerate(latencies, 1):
        assert each is not None
        assert each.p50_ms == pytest.approx((10_000 + 5_000 * i) / 1e6, rel=1e-6)


def test_without_enough_measurements_nothing_is_predicted(tmp_path: Path) -> None:
    found, _ = swept(tmp_path, 2)
    assert found.models == ()
    assert [entry.latency is None for entry in found.entries].count(True) == 7
    assert found.is_complete
