"""Measures files with more and more of the network in float: how near to it, and how fast.

Noise is measured on the calibration images that are in memory, latency of all files of a format in
one interleaved run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from strop.export.emit.tflite import emit_tflite
from strop.export.emit.write import Int8, write_int8
from strop.export.inspect.latencies import latencies
from strop.export.ir.float_tflite import float_tflite
from strop.export.ir.graph import Array
from strop.export.ir.litert_session import LitertSession
from strop.export.max_drop.end_rule import may_end_in_float
from strop.export.max_drop.frontier import Frontier, FrontierPoint, PointPrice, worth_their_time
from strop.export.options.choices import Input, ResultType
from strop.export.options.options import ExportOptions
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.float_tail import FloatPart, float_parts, in_float
from strop.export.quantize.kl_divergence import divergence
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.quantize.tune import Tuned, signal_to_noise_db
from strop.export.source.source import Source
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.classify.agreement import same
from strop.runtime.classify.decision import Decision, answers

# Some seven files that differ by a tenth: 0.5 s for each of a MobileNetV2 at 2 ms.
PLAN = MeasurePlan(
    min_runs=100,
    min_duration_s=0.3,
    warmup_duration_s=0.05,
    max_duration_s=20.0,
    block_duration_s=0.02,
)
NOTHING = FloatPart(tail=(), sums=frozenset())


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A frontier, and what its files are written from.

    Attributes:
        frontier: The points.
        parts: What each has in float.
        graphs: Their integers.
    """

    frontier: Frontier
    parts: tuple[FloatPart, ...]
    graphs: tuple[QuantizedGraph, ...]


def has_frontier(options: ExportOptions) -> bool:
    """Whether a model may have a part in float, and answers that can be counted."""
    decision = options.decision
    return (
        may_end_in_float(options)
        and decision is not None
        and decision.has_classes
        and not decision.is_map
    )


def measure_frontier(
    source: Source, options: ExportOptions, tuned: Tuned, int8: Int8, sample: Sequence[Array]
) -> Measured:
    """Make the files, measure them, and keep those that are worth their time.

    Args:
        source: The float model.
        options: What was asked for; `has_frontier` of it.
        tuned: The integers.
        int8: What the int8 files are written from.
        sample: Images uint8 [N, H, W, C] each, as `tune` was given.
    """
    if options.decision is None:
        raise KeyError(f"{source.name}: how scores become an answer is not decided")
    decision = replace(options.decision, activation=int8.contract.activation)
    parts = (NOTHING, *float_parts(tuned.deploy.graph))
    graphs = (int8.quantized, *(in_float(tuned, part) for part in parts[1:]))
    prices = _prices(source, options, [replace(int8, quantized=graph) for graph in graphs])
    images = np.concatenate(list(sample))
    reference = _float_scores(tuned.folded, images)
    points = tuple(
        _point(part, _scores(graph, images), reference, decision, price)
        for part, graph, price in zip(parts, graphs, prices, strict=True)
    )
    kept = worth_their_time(points)
    return Measured(
        frontier=Frontier(images=len(images), points=tuple(points[at] for at in kept)),
        parts=tuple(parts[at] for at in kept),
        graphs=tuple(graphs[at] for at in kept),
    )


def _point(
    part: FloatPart,
    scores: Array,
    reference: Array,
    decision: Decision,
    prices: tuple[PointPrice, ...],
) -> FrontierPoint:
    kept = same(answers(decision, reference), answers(decision, scores))
    return FrontierPoint(
        layer=next(iter(part.tail), ""),
        tail=len(part.tail),
        sums=len(part.sums),
        divergence=divergence(reference, scores, decision),
        signal_to_noise_db=signal_to_noise_db(reference, scores),
        agreement=float(np.mean(kept)),
        prices=prices,
    )


def _prices(
    source: Source, options: ExportOptions, variants: Sequence[Int8]
) -> list[tuple[PointPrice, ...]]:
    """Time the files of each variant; of one format all in one run, int8 first."""
    with tempfile.TemporaryDirectory() as name:
        files = []
        for at, int8 in enumerate(variants):
            folder = Path(name, str(at))
            folder.mkdir()
            files.append(write_int8(folder, source, options, int8))
        runs = [latencies(of_format, plan=PLAN) for of_format in zip(*files, strict=True)]
        return [
            tuple(
                PointPrice(artifact=path.name, ms=run[at].p50_ms, int8_ms=run[0].p50_ms)
                for path, run in zip(of_variant, runs, strict=True)
            )
            for at, of_variant in enumerate(files)
        ]


def _float_scores(deploy: DeployGraph, images: Array) -> Array:
    graph = deploy.graph
    session = LitertSession(float_tflite(graph, graph.ops, [graph.input], [graph.output]))
    (scores,) = session.run([deploy.reals(images)])
    return scores


def _scores(quantized: QuantizedGraph, images: Array) -> Array:
    """Run a graph as a .tflite on the codes of images, pixels less 128, to real scores."""
    content = emit_tflite(quantized, Input.INT8, result_type=ResultType.FLOAT32)
    (scores,) = LitertSession(content).run([(images.astype(np.int16) - 128).astype(np.int8)])
    return scores
