"""Keeps layers in float until `--max-drop` can be promised, and measures what each costs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from strop.export.certify.certificate import Certificate
from strop.export.certify.drop_limit import broken_promises, can_promise
from strop.export.emit.write import Int8, artifact_paths, write_int8
from strop.export.inspect.latencies import latencies
from strop.export.ir.graph import Array
from strop.export.ir.outputs import output_names
from strop.export.max_drop.end_rule import end_rules
from strop.export.max_drop.float_layers import (
    NO_FLOAT_LAYERS,
    FloatEnd,
    FloatLayer,
    FloatLayers,
    Price,
)
from strop.export.options.choices import Precision
from strop.export.options.options import ExportOptions
from strop.export.quantize.mixed_precision import (
    FloatCandidate,
    float_candidates,
    float_ends,
    keep_float,
)
from strop.export.quantize.tune import Tuned
from strop.export.source.source import Source
from strop.runtime.bench.latency import MeasurePlan

# Prices are medians of two files in one interleaved run: a second holds 500 inferences at 2 ms.
PLAN = MeasurePlan(min_duration_s=1.0)

Certify: TypeAlias = Callable[[Sequence[Path]], Certificate]


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantized:
    """The int8 model before its files are certified.

    Attributes:
        tuned: The decisions, and what each rounding costs.
        int8: What the files are written from.
        sample: uint8 [N, H, W, C] each, as `tune` was given.
        float_tflite: The model as TensorFlow's converter wrote it.
        held_out: Calibration images that are not in the sample.
        kept: Results of operations at the ends that compute in float, see `settle_ends`.
        ends: How that was decided.
    """

    tuned: Tuned
    int8: Int8
    sample: Sequence[Array]
    float_tflite: bytes
    held_out: tuple[Path, ...] = ()
    kept: frozenset[str] = frozenset()
    ends: tuple[FloatEnd, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What came of keeping layers in float.

    Attributes:
        int8: What the files are written from; as it was if no layer is kept in float.
        certificate: Of all files, with the int8 files written from that.
        float_layers: What was tried; kept if the promise can be given with them.
        kept: Results of operations at the end that compute in float in the files.
    """

    int8: Int8
    certificate: Certificate
    float_layers: FloatLayers = NO_FLOAT_LAYERS
    kept: frozenset[str] = frozenset()


def keep_promise(
    folder: Path,
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    certificate: Certificate,
    *,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Attempt:
    """Keep layers in float, and write the int8 files again, where `max_drop` alone needs it.

    With `max_flips` files are chosen on the frontier, see `choose_on_frontier`.

    Args:
        folder: Where the files are.
        source: The float model.
        options: What was asked for.
        quantized: What the int8 files were written from.
        certificate: Of all files.
        certify: Makes that of other files.
        on_step: Called with the name of each step as it begins.
    """
    unchanged = Attempt(int8=quantized.int8, certificate=certificate)
    if options.max_drop is None or options.max_flips is not None:
        return unchanged
    files = artifact_paths(folder, source, options, Precision.INT8).values()
    of_int8 = certificate.of([path.name for path in files])
    is_broken = broken_promises(of_int8, options.max_drop)
    if not is_broken or not can_promise(of_int8, options.max_drop):
        return unchanged
    attempt = _search(source, options, quantized, of_int8, certify, on_step)
    if attempt.float_layers.kept:
        write_int8(folder, source, options, attempt.int8)
    return replace(attempt, certificate=certificate.renewed(attempt.certificate))


def _search(
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    certificate: Certificate,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Attempt:
    """Leave out the costliest roundings, one by one, until the drop can be promised."""
    layers: list[FloatLayer] = []
    with tempfile.TemporaryDirectory() as name:
        before, last = _written(Path(name, "int8"), source, options, quantized.int8), certificate
        candidates = float_candidates(
            quantized.tuned, quantized.kept, ends=_ends(quantized.tuned, options)
        )
        for candidate in islice(candidates, options.max_float_layers):
            on_step(f"keep {candidate.cost.layer} ({candidate.cost.part}) in float")
            graph = keep_float(
                quantized.tuned,
                candidate.kept,
                quantized.sample,
                ends_in_float=candidate.ends_in_float,
            )
            changed = replace(quantized.int8, quantized=graph)
            folder = Path(name, str(len(layers)))
            after = _written(folder, source, options, changed)
            found = certify(after)
            prices = _prices(before, after, last, found)
            layers.append(_layer(candidate, prices))
            if options.max_drop is not None and not broken_promises(found, options.max_drop):
                kept = FloatLayers(tried=tuple(layers), kept=True)
                return Attempt(int8=changed, certificate=found, float_layers=kept)
            before, last = after, found
    tried = FloatLayers(tried=tuple(layers))
    return Attempt(int8=quantized.int8, certificate=certificate, float_layers=tried)


def _ends(tuned: Tuned, options: ExportOptions) -> list[frozenset[str]]:
    """Return the least ends of the outputs that may be in float."""
    graph = tuned.deploy.graph
    allowed = zip(output_names(graph), end_rules(options), strict=True)
    found = [float_ends(graph, name) for name, rule in allowed if rule is not None]
    return [ends[0] for ends in found if ends]


def explain_failure(layers: Sequence[FloatLayer], unit: str) -> str:
    """Say which layers were tried in vain, and how near they came to the promise, in its unit."""
    names = ", ".join(f"{layer.layer} ({layer.part})" for layer in layers)
    best = min(max(price.drop_high for price in layer.prices) for layer in layers)
    return (
        f"kept in float, one on top of the other, {names} bring that to {100 * best:+.2f} {unit};"
        " raise --max-float-layers or --max-drop, add validation images, or take --precision"
        " float32"
    )


def _written(folder: Path, source: Source, options: ExportOptions, int8: Int8) -> list[Path]:
    folder.mkdir()
    return write_int8(folder, source, options, int8)


def _layer(candidate: FloatCandidate, prices: tuple[Price, ...]) -> FloatLayer:
    return FloatLayer(
        layer=candidate.cost.layer,
        part=candidate.cost.part,
        noise=candidate.cost.noise,
        ops=len(candidate.kept),
        prices=prices,
    )


def _prices(
    before: Sequence[Path],
    after: Sequence[Path],
    last: Certificate,
    found: Certificate,
) -> tuple[Price, ...]:
    prices = []
    for old, new in zip(before, after, strict=True):
        was, now = last.worst(old.name), found.worst(new.name)
        int8, kept = latencies((old, new), plan=PLAN)
        prices.append(
            Price(
                artifact=new.name,
                ms_before=int8.p50_ms,
                ms=kept.p50_ms,
                drop_before=was.drop,
                drop=now.drop,
                drop_high=now.drop_interval.high,
            )
        )
    return tuple(prices)
