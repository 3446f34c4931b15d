"""Chooses the cheapest files on the frontier that keep `--max-flips`, and `--max-drop` with it.

Calibration images say how near to float each point is. How often answers flip goes with the square
root of the divergence (MobileNetV2: 0.7 of it), so that the flips of the int8 files, and the
divergences, say which points are likely to keep the promise. Only these are certified, the cheapest
first, and none but the certificate decides.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from strop.export.certify.certificate import Certificate
from strop.export.certify.drop_limit import broken_flips, broken_promises, least_flips
from strop.export.emit.write import artifact_paths, write_int8
from strop.export.max_drop.frontier import Frontier
from strop.export.max_drop.measure_frontier import Measured, has_frontier, measure_frontier
from strop.export.max_drop.search import Attempt, Certify, Quantized
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source
from strop.runtime.statistics.intervals import wilson_interval


def broken(certificate: Certificate, options: ExportOptions) -> tuple[str, ...]:
    """Say why what was asked for cannot be promised; empty if it can, or nothing was."""
    found: tuple[str, ...] = ()
    if options.max_drop is not None:
        found += broken_promises(certificate, options.max_drop)
    if options.max_flips is not None:
        found += broken_flips(certificate, options.max_flips)
    return found


def choose_on_frontier(
    folder: Path,
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    attempt: Attempt,
    *,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Attempt:
    """Measure the frontier with high effort, or where int8 breaks `max_flips`; then choose on it.

    Args:
        folder: Where the files are; written again if others are chosen.
        source: The float model.
        options: What was asked for.
        quantized: What the int8 files were written from.
        attempt: What came of `keep_promise`.
        certify: Makes the certificate of other files.
        on_step: Called with the name of each step as it begins.
    """
    files = artifact_paths(folder, source, options, Precision.INT8).values()
    of_int8 = attempt.certificate.of([path.name for path in files])
    limit = options.max_flips
    is_needed = limit is not None and bool(broken(of_int8, options))
    if not has_frontier(options) or not (is_needed or options.effort is Effort.HIGH):
        return attempt
    on_step("measure what more of the network in float brings")
    measured = measure_frontier(source, options, quantized.tuned, quantized.int8, quantized.sample)
    attempt = _with(attempt, measured.frontier)
    if limit is None or not is_needed or least_flips(of_int8.images) > limit:
        return attempt
    for at in likely(measured.frontier, of_int8, limit)[: options.max_float_layers]:
        on_step(f"certify with the network in float from {measured.frontier.points[at].layer} on")
        found = _certified(source, options, quantized, measured, at, certify)
        if not broken(found.certificate, options):
            write_int8(folder, source, options, found.int8)
            chosen = replace(attempt, int8=found.int8, kept=found.kept)
            chosen = replace(chosen, certificate=attempt.certificate.renewed(found.certificate))
            return _with(chosen, replace(measured.frontier, chosen=at))
    return attempt


def _with(attempt: Attempt, frontier: Frontier) -> Attempt:
    return replace(attempt, float_layers=replace(attempt.float_layers, frontier=frontier))


def likely(frontier: Frontier, certificate: Certificate, max_flips: float) -> list[int]:
    """Return places of the points that are likely to keep the promise, the cheapest first.

    Args:
        frontier: Its first point is int8 throughout.
        certificate: Of the int8 files.
        max_flips: The promise.
    """
    n = certificate.images
    shares = [1 - (found.agreement or 0.0) for found in certificate.all_verdicts]
    of_int8 = frontier.points[0].divergence
    found = []
    for at, point in enumerate(frontier.points[1:], start=1):
        flips = max(shares) * math.sqrt(point.divergence / of_int8) if of_int8 > 0 else 0.0
        if wilson_interval(round(flips * n), n).high <= max_flips:
            found.append(at)
    return found


def _certified(
    source: Source,
    options: ExportOptions,
    quantized: Quantized,
    measured: Measured,
    at: int,
    certify: Certify,
) -> Attempt:
    int8 = replace(quantized.int8, quantized=measured.graphs[at])
    with tempfile.TemporaryDirectory() as name:
        certificate = certify(write_int8(Path(name), source, options, int8))
    return Attempt(int8=int8, certificate=certificate, kept=frozenset(measured.parts[at].tail))


def explain_frontier(frontier: Frontier) -> str:
    """Say how near to float the last point comes, for whom no point was enough."""
    last = frontier.points[-1]
    return (
        f"the slowest files that were tried take {last.rel_latency:.2f} of int8's time and bring"
        f" {last.divergence:.2g} nats instead of {frontier.points[0].divergence:.2g}; raise"
        " --max-flips, add validation images, or take --precision float32"
    )
