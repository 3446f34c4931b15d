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
from strop.export.ir.outputs import output_names
from strop.export.max_drop.attempt import Quantized
from strop.export.max_drop.end_rule import end_rules, may_end_in_float
from strop.export.max_drop.frontier import Frontier, FrontierPoint, PointPrice, worth_their_time
from strop.export.options.choices import Input, ResultType
from strop.export.options.options import ExportOptions
from strop.export.passes.fold import DeployGraph
from strop.export.quantize.float_parts import (
    FloatPart,
    in_float,
    with_roundings_spared,
    with_sums_and_tails,
)
from strop.export.quantize.kl_divergence import total_divergence
from strop.export.quantize.mixed_precision import float_ends
from strop.export.quantize.quantize import QuantizedGraph
from strop.export.quantize.tune import signal_to_noise_db
from strop.export.source.source import Source
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.classify.agreement import same
from strop.runtime.classify.decision import Decision, answers, of_each

# Some seven files that differ by a tenth: 0.5 s for each of a MobileNetV2 at 2 ms.
PLAN = MeasurePlan(
    min_runs=100,
    min_duration_s=0.3,
    warmup_duration_s=0.05,
    max_duration_s=20.0,
    block_duration_s=0.02,
)


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


def has_tails(options: ExportOptions) -> bool:
    """Whether the last layers of a model may be in float, beside what `settle_ends` decides."""
    decision = options.decision
    return (
        may_end_in_float(options)
        and decision is not None
        and decision.has_classes
        and not decision.is_map
    )


def float_parts(options: ExportOptions, quantized: Quantized) -> tuple[FloatPart, ...]:
    """Choose what is measured: the files as they are, and with more in float.

    Roundings are spared one by one only where something was promised: all that is behind one is
    decided again.
    """
    tuned, kept = quantized.tuned, quantized.kept
    graph = tuned.deploy.graph
    found = [FloatPart(kept=kept, ends_in_float=graph.output in kept)]
    if has_tails(options):
        found += with_sums_and_tails(graph)
    if options.max_drop is not None or options.max_flips is not None:
        found += with_roundings_spared(
            tuned, kept, ends=_least_ends(quantized, options), most=options.max_float_layers
        )
    return tuple(found)


def _least_ends(quantized: Quantized, options: ExportOptions) -> list[frozenset[str]]:
    """Return the least ends of the outputs that may be in float."""
    graph = quantized.tuned.deploy.graph
    allowed = zip(output_names(graph), end_rules(options), strict=True)
    found = [float_ends(graph, name) for name, rule in allowed if rule is not None]
    return [ends[0] for ends in found if ends]


def measure_frontier(source: Source, options: ExportOptions, quantized: Quantized) -> Measured:
    """Make the files, measure them, and keep those that are worth their time.

    Args:
        source: The float model.
        options: What was asked for.
        quantized: The integers that were decided.
    """
    tuned, int8 = quantized.tuned, quantized.int8
    parts = float_parts(options, quantized)
    more = (in_float(tuned, int8.quantized, part, quantized.sample) for part in parts[1:])
    graphs = (int8.quantized, *more)
    prices = _prices(source, options, [replace(int8, quantized=graph) for graph in graphs])
    images = np.concatenate(list(quantized.sample))
    reference = _float_scores(tuned.folded, images)
    points = tuple(
        _point(part, _scores(graph, images), reference, quantized.decisions, price)
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
    decisions: Sequence[Decision],
    prices: tuple[PointPrice, ...],
) -> FrontierPoint:
    pairs = list(zip(of_each(decisions, reference), of_each(decisions, scores), strict=True))
    return FrontierPoint(
        layer=next(iter(part.tail), ""),
        tail=len(part.tail),
        sums=len(part.sums),
        spared=tuple(f"{cost.layer} ({cost.part})" for cost in part.spared),
        divergence=total_divergence(reference, scores, decisions),
        signal_to_noise_db=min(signal_to_noise_db(*pair) for pair in pairs),
        agreement=_agreement(reference, scores, decisions),
        prices=prices,
    )


def _agreement(reference: Array, scores: Array, decisions: Sequence[Decision]) -> float | None:
    decision = decisions[0]
    if len(decisions) > 1 or not decision.has_classes or decision.is_map:
        return None
    return float(np.mean(same(answers(decision, reference), answers(decision, scores))))


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
    """Run a float graph on images, to all outputs in a row."""
    graph = deploy.graph
    session = LitertSession(float_tflite(graph, graph.ops, [graph.input], [graph.output]))
    (scores,) = session.run([deploy.reals(images)])
    return scores


def _scores(quantized: QuantizedGraph, images: Array) -> Array:
    """Run a graph as a .tflite on the codes of images, pixels less 128, to real scores."""
    names = ("image", *output_names(quantized.graph))
    content = emit_tflite(quantized, Input.INT8, names, result_type=ResultType.FLOAT32)
    found = LitertSession(content).run([(images.astype(np.int16) - 128).astype(np.int8)])
    return np.concatenate([scores.reshape(len(images), -1) for scores in found], axis=1)
