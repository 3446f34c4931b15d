"""Keeps a model's end in float where int8's 256 values are too few for its output.

It is decided by what a certificate says of the finished files on calibration images: on those that
the steps of the quantization were not judged by, if there are any.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from strop.export.certify.certificate import Certificate
from strop.export.emit.write import Int8, write_int8
from strop.export.inspect.latencies import latencies
from strop.export.max_drop.end_rule import EndRule, end_rule
from strop.export.max_drop.float_layers import EndFigures, FloatEnd
from strop.export.max_drop.search import Quantized
from strop.export.options.options import ExportOptions
from strop.export.quantize.mixed_precision import float_ends, keep_float
from strop.export.source.source import Source
from strop.runtime.bench.latency import MeasurePlan
from strop.runtime.classify.truth import evenly

MIN_IMAGES, MAX_IMAGES = 20, 100  # that decide; a percentile of fewer is one odd image
# Files that differ by the end alone, in one interleaved run.
PLAN = MeasurePlan(min_runs=100, min_duration_s=0.3, warmup_duration_s=0.05, max_duration_s=10.0)

Certify: TypeAlias = Callable[[Source, Sequence[Path], ExportOptions], Certificate]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tried:
    """Files with one end, and their figures in the same order."""

    kept: frozenset[str]
    int8: Int8
    paths: Sequence[Path]
    figures: Sequence[float]


def settle_end(
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    *,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Quantized:
    """Keep the end in float, if int8 loses more there than the task allows and float less.

    Args:
        source: The float model.
        options: What was asked for.
        quantized: The model in int8 throughout.
        certify: Makes the certificate of files.
        on_step: Called with the name of each step as it begins.

    Returns:
        The same with the decision, and with other integers if the end is in float.
    """
    rule = end_rule(options)
    ends = float_ends(quantized.tuned.deploy.graph)
    images = evenly(quantized.held_out or options.calibration, MAX_IMAGES)
    if rule is None or not ends or len(images) < MIN_IMAGES:
        return quantized
    on_step("decide by calibration images whether the end is in int8")
    asked = replace(options, validation=images, truth=None, targets=None)
    with tempfile.TemporaryDirectory() as name:

        def tried(kept: frozenset[str], int8: Int8) -> _Tried:
            folder = Path(name, str(len(kept)))
            folder.mkdir()
            paths = write_int8(folder, source, asked, int8)
            verdicts = certify(source, paths, asked).verdicts
            return _Tried(kept=kept, int8=int8, paths=paths, figures=list(map(rule.of, verdicts)))

        whole = best = tried(frozenset(), quantized.int8)
        for end in ends:
            if all(map(rule.is_kept, best.figures)):
                break
            graph = keep_float(quantized.tuned, end, quantized.sample, ends_in_float=True)
            found = tried(end, replace(quantized.int8, quantized=graph))
            if rule.is_better(_worst(rule, found.figures), _worst(rule, best.figures)):
                best = found
        decided = partial(
            FloatEnd,
            figure=rule.figure,
            limit=rule.limit,
            images=len(images),
            is_held_out=bool(quantized.held_out),
            is_missed=not all(map(rule.is_kept, best.figures)),
            ops=len(best.kept),
        )
        end_record = decided(layer=_first(quantized, best), files=_figures(whole, best))
    return replace(quantized, int8=best.int8, kept=best.kept, end=end_record)


def _worst(rule: EndRule, figures: Sequence[float]) -> float:
    return max(figures) if rule.is_error else min(figures)


def _first(quantized: Quantized, best: _Tried) -> str:
    """Name the first operation in float; empty where there is none."""
    ops = quantized.tuned.deploy.graph.ops
    return next((op.output for op in ops if op.output in best.kept), "")


def _figures(whole: _Tried, best: _Tried) -> tuple[EndFigures, ...]:
    """Set the files beside each other, and their latencies if they differ."""
    if best is whole:
        return tuple(
            EndFigures(artifact=path.name, int8=figure)
            for path, figure in zip(whole.paths, whole.figures, strict=True)
        )
    found = []
    for i, (before, after) in enumerate(zip(whole.paths, best.paths, strict=True)):
        was, now = latencies((before, after), plan=PLAN)
        found.append(
            EndFigures(
                artifact=after.name,
                int8=whole.figures[i],
                float_end=best.figures[i],
                ms_int8=was.p50_ms,
                ms=now.p50_ms,
            )
        )
    return tuple(found)
