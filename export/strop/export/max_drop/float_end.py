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
from strop.export.ir.outputs import output_names
from strop.export.max_drop.attempt import Quantized
from strop.export.max_drop.end_rule import EndRule, end_rules
from strop.export.max_drop.float_layers import EndFigures, FloatEnd
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
    """Files with some ends in float, and what they are worth."""

    kept: frozenset[str]
    int8: Int8
    paths: Sequence[Path]
    certificate: Certificate

    def figures(self, output: int, rule: EndRule) -> list[float]:
        """Return an output's figure of each file."""
        return list(map(rule.of, self.certificate.each_output[output].verdicts))

    def is_enough(self, output: int, rule: EndRule) -> bool:
        """Whether an output of every file keeps its limit."""
        return all(map(rule.is_kept, self.figures(output, rule)))


def settle_ends(
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    *,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Quantized:
    """Keep an output's end in float, if int8 loses more there than its task allows and float less.

    Args:
        source: The float model.
        options: What was asked for.
        quantized: The model in int8 throughout.
        certify: Makes the certificate of files.
        on_step: Called with the name of each step as it begins.

    Returns:
        The same with the decisions, and with other integers if an end is in float.
    """
    graph = quantized.tuned.deploy.graph
    images = evenly(quantized.held_out or options.calibration, MAX_IMAGES)
    open_ends = [
        (output, rule, ends)
        for output, (name, rule) in enumerate(
            zip(output_names(graph), end_rules(options), strict=True)
        )
        if rule is not None and (ends := float_ends(graph, name))
    ]
    if not open_ends or len(images) < MIN_IMAGES:
        return quantized
    on_step("decide by calibration images whether the end is in int8")
    bare = [replace(output, truth=None, targets=None) for output in options.outputs]
    asked = replace(options, validation=images, truth=None, targets=None, outputs=tuple(bare))
    decided = []
    with tempfile.TemporaryDirectory() as name:

        def tried(kept: frozenset[str], int8: Int8) -> _Tried:
            folder = Path(tempfile.mkdtemp(dir=name))
            paths = write_int8(folder, source, asked, int8)
            return _Tried(
                kept=kept, int8=int8, paths=paths, certificate=certify(source, paths, asked)
            )

        now = tried(frozenset(), quantized.int8)
        for output, rule, ends in open_ends:
            best = now
            for end in ends:
                if best.is_enough(output, rule):
                    break
                kept = now.kept | end
                made = keep_float(
                    quantized.tuned, kept, quantized.sample, ends_in_float=graph.output in kept
                )
                found = tried(kept, replace(quantized.int8, quantized=made))
                best = min(found, best, key=lambda each: rule.loss(each.figures(output, rule)))
            record = partial(
                FloatEnd,
                output=best.certificate.each_output[output].output,
                figure=rule.figure,
                limit=rule.limit,
                images=len(images),
                is_held_out=bool(quantized.held_out),
                is_missed=not best.is_enough(output, rule),
            )
            added = [op.output for op in graph.ops if op.output in best.kept - now.kept]
            decided.append(
                record(
                    layer=next(iter(added), ""),
                    ops=len(added),
                    files=_figures(now, best, output, rule),
                )
            )
            now = best
    return replace(quantized, int8=now.int8, kept=now.kept, ends=tuple(decided))


def _figures(whole: _Tried, best: _Tried, output: int, rule: EndRule) -> tuple[EndFigures, ...]:
    """Set the files beside each other, and their latencies if they differ."""
    before, after = (each.figures(output, rule) for each in (whole, best))
    if best is whole:
        return tuple(
            EndFigures(artifact=path.name, int8=figure)
            for path, figure in zip(whole.paths, before, strict=True)
        )
    found = []
    for i, pair in enumerate(zip(whole.paths, best.paths, strict=True)):
        was, now = latencies(pair, plan=PLAN)
        found.append(
            EndFigures(
                artifact=pair[1].name,
                int8=before[i],
                float_end=after[i],
                ms_int8=was.p50_ms,
                ms=now.p50_ms,
            )
        )
    return tuple(found)
