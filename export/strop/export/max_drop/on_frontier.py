"""Chooses the cheapest files on the frontier that keep `--max-drop` and `--max-flips`.

Calibration images say how near to float each point is. How often answers change goes with the
square root of the divergence (MobileNetV2: 0.7 of it), so that the certificate of the int8 files,
and the divergences, say which points are likely to keep the promise. Only these are certified, the
cheapest first, and none but the certificate decides.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from strop.export.certify.certificate import Certificate
from strop.export.certify.drop_limit import (
    broken_flips,
    broken_promises,
    can_promise,
    foretold_drop,
    foretold_flips,
    least_flips,
)
from strop.export.emit.write import artifact_paths, write_int8
from strop.export.max_drop.attempt import Attempt, Certify, Quantized
from strop.export.max_drop.frontier import Frontier
from strop.export.max_drop.measure_frontier import has_tails, measure_frontier
from strop.export.options.choices import Effort, Precision
from strop.export.options.options import ExportOptions
from strop.export.source.source import Source


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
    certificate: Certificate,
    *,
    certify: Certify,
    on_step: Callable[[str], None],
) -> Attempt:
    """Measure the frontier with high effort, or where int8 breaks a promise; then choose on it.

    Args:
        folder: Where the files are; written again if others are chosen.
        source: The float model.
        options: What was asked for.
        quantized: What the int8 files were written from.
        certificate: Of all files.
        certify: Makes the certificate of other files.
        on_step: Called with the name of each step as it begins.
    """
    attempt = Attempt(int8=quantized.int8, certificate=certificate)
    files = artifact_paths(folder, source, options, Precision.INT8).values()
    of_int8 = certificate.of([path.name for path in files])
    is_needed = (
        options.max_float_layers > 0
        and bool(broken(of_int8, options))
        and _can_be_kept(of_int8, options)
    )
    is_shown = options.effort is Effort.HIGH and has_tails(options)
    if not is_needed and not is_shown:
        return attempt
    on_step("measure what more of the network in float brings")
    measured = measure_frontier(source, options, quantized)
    attempt = replace(attempt, frontier=measured.frontier)
    if not is_needed:
        return attempt
    for at in likely(measured.frontier, of_int8, options)[: options.max_float_layers]:
        on_step(f"certify with {measured.frontier.points[at].words} in float")
        int8 = replace(quantized.int8, quantized=measured.graphs[at])
        with tempfile.TemporaryDirectory() as name:
            found = certify(write_int8(Path(name), source, options, int8))
        if not broken(found, options):
            write_int8(folder, source, options, int8)
            return Attempt(
                int8=int8,
                certificate=certificate.renewed(found),
                kept=measured.parts[at].kept,
                frontier=replace(measured.frontier, chosen=at),
            )
    return attempt


def _can_be_kept(certificate: Certificate, options: ExportOptions) -> bool:
    """Whether any file could keep what was asked for on these images."""
    drop, flips = options.max_drop, options.max_flips
    return (drop is None or can_promise(certificate, drop)) and (
        flips is None or least_flips(certificate.images) <= flips
    )


def likely(frontier: Frontier, certificate: Certificate, options: ExportOptions) -> list[int]:
    """Return places of the points that are likely to keep the promise, the cheapest first.

    Args:
        frontier: Its first point is int8 throughout.
        certificate: Of the int8 files.
        options: What was promised.
    """
    before = frontier.points[0].divergence
    found = []
    for at, point in enumerate(frontier.points[1:], start=1):
        share = math.sqrt(point.divergence / before) if before > 0 else 0.0
        is_likely = (
            options.max_drop is None or foretold_drop(certificate, share) <= options.max_drop
        ) and (options.max_flips is None or foretold_flips(certificate, share) <= options.max_flips)
        if is_likely:
            found.append(at)
    return found


def explain_frontier(frontier: Frontier) -> str:
    """Say how near to float the last point comes, for whom no point was enough."""
    last = frontier.points[-1]
    return (
        f"the slowest files that were tried take {last.rel_latency:.2f} of int8's time and bring"
        f" {last.divergence:.2g} nats instead of {frontier.points[0].divergence:.2g}; ask"
        " for less, raise --max-float-layers, add validation images, or take --precision float32"
    )
