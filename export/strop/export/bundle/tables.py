"""Writes parts of a manifest as tables, which the terminal and the page show alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from strop.export.bundle.manifest import Artifact, Manifest
from strop.export.inspect.contents import Delegation
from strop.export.inspect.count import Role
from strop.export.kernels.xnnpack import UNKNOWN
from strop.export.max_drop.float_layers import FloatEnd, FloatIsland
from strop.export.max_drop.frontier import Frontier
from strop.export.options.choices import Precision
from strop.export.quantize.costs import Cost, Step
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.machine.machine import Machine
from strop.runtime.units import MILLION, PERCENT, US_PER_MS

ROLES = (Role.POINTWISE, Role.DEPTHWISE, Role.SPATIAL, Role.DENSE)
GIB = 1 << 30
CUT_OFF = "cut-offs alone on other images, nats"


class Table(NamedTuple):
    """Headings, with the unit, and rows of as many texts."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def first(self, most: int) -> Table:
        """Keep the first rows only."""
        return Table(self.columns, self.rows[:most])


def steps_table(steps: Sequence[Step]) -> Table:
    """List the steps of the quantization."""
    rows = [
        (
            step.name,
            f"{step.divergence:.5f}",
            f"{step.signal_to_noise_db:.1f}",
            "" if step.float_divergence is None else f"{step.float_divergence:.5f}",
            "yes" if step.is_kept else "no",
        )
        for step in steps
    ]
    columns = ("int8 step", "KL, nats", "signal to noise of the scores, dB", CUT_OFF, "kept")
    return Table(columns, rows)


def costs_table(costs: Sequence[Cost]) -> Table:
    """List what rounding at each layer alone costs, the costliest first.

    Numbers, points and vectors have no answers that agree: without any there is no such column.
    """
    rows = [
        (
            cost.layer,
            cost.kind,
            cost.part,
            f"{-10 * math.log10(cost.noise):.1f}" if cost.noise > 0 else "exact",
            "" if cost.agreement is None else f"{PERCENT * cost.agreement:.1f}",
            f"{cost.divergence:.5f}",
        )
        for cost in costs
    ]
    columns = ("layer", "operation", "rounded", "alone, dB", "agreement, %", "KL, nats")
    agree = any(cost.agreement is not None for cost in costs)
    shown = [i for i, column in enumerate(columns) if agree or column != "agreement, %"]
    return Table(
        tuple(columns[i] for i in shown), tuple(tuple(row[i] for i in shown) for row in rows)
    )


def islands_table(islands: Sequence[FloatIsland]) -> Table:
    """List the operations without int8 form, with their price per file."""
    rows = [
        (
            island.layer,
            ", ".join(dict.fromkeys(island.kinds)),
            price.artifact,
            f"{price.ms:.3f} of {price.whole_ms:.3f}",
            "; ".join(dict.fromkeys(cause.needs for cause in island.causes)),
        )
        for island in islands
        for price in island.prices
    ]
    return Table(("kept in float", "operations", "in", "p50, ms", "int8 would need"), rows)


def ends_table(ends: Sequence[FloatEnd]) -> Table:
    """List what the ends in float are worth in each file; no rows where all are int8."""
    rows = [
        (
            f"{end.layer} and what follows",
            each.artifact,
            end.figure,
            f"{each.int8:.5f} -> {each.float_end:.5f}",
            f"{end.limit:g}",
            f"{each.ms_int8:.3f} -> {each.ms:.3f}",
        )
        for end in ends
        if end.ops
        for each in end.files
    ]
    return Table(("end in float", "in", "decided by", "int8 -> float", "limit", "p50, ms"), rows)


def end_sentence(end: FloatEnd) -> str:
    """Say by which images an end of the model was decided, and how."""
    which = f"the end of {end.output}" if end.output else "the end"
    images = f"{end.images} calibration images"
    if end.is_held_out:
        images += " that the int8 steps were not judged by"
    if not end.ops:
        figures = ", ".join(f"{each.int8:.5f}" for each in end.files)
        missed = ", which in float it would miss as well" if end.is_missed else ""
        limit = f"the limit is {end.limit:g}{missed}"
        return f"{which} is in int8: {end.figure} {figures} on {images}, {limit}"
    return (
        f"{which} is in float, {end.ops} operations, and its scores are float32: decided on"
        f" {images}{'; the limit is missed all the same' if end.is_missed else ''};"
        " --max-float-layers 0 keeps it in int8"
    )


def frontier_table(frontier: Frontier | None) -> Table:
    """List files with more and more of the network in float; no rows where none were measured."""
    columns = ("in float", "p50, ms", "of int8's", "KL, nats", "scores, dB", "agreement, %", "")
    if frontier is None:
        return Table(columns, [])
    rows = [
        (
            point.words,
            ", ".join(f"{price.ms:.3g}" for price in point.prices),
            ", ".join(f"{price.ms / price.int8_ms:.2f}" for price in point.prices),
            f"{point.divergence:.5f}",
            f"{point.signal_to_noise_db:.1f}",
            "" if point.agreement is None else f"{PERCENT * point.agreement:.1f}",
            "chosen" if at == frontier.chosen else "",
        )
        for at, point in enumerate(frontier.points)
    ]
    return Table(columns, rows)


def frontier_sentence(frontier: Frontier) -> str:
    """Say on what the figures of a frontier were measured."""
    files = ", ".join(price.artifact for price in frontier.points[0].prices)
    return (
        f"more of the network in float: latencies of {files} on this machine, one thread, each"
        f" format in one interleaved run; noise on the {frontier.images} calibration images that"
        " the int8 steps were judged by, which flatters; --max-drop and --max-flips choose"
    )


def times_table(times: LayerTimes) -> Table:
    """List the time of each operation, the longest first."""
    total = sum(each.microseconds for each in times.operations)
    rows = [
        (
            each.layer,
            each.kind,
            f"{each.microseconds:.0f}",
            f"{PERCENT * each.microseconds / total:.1f}" if total else "",
        )
        for each in sorted(times.operations, key=lambda each: -each.microseconds)
    ]
    return Table(("layer", "operation", "us", "share, %"), rows)


def time_summary(times: LayerTimes) -> str:
    """Say how long all operations take, and how much of that the profile adds."""
    total = sum(each.microseconds for each in times.operations)
    return (
        f"{total / US_PER_MS:.2f} ms in all, by ONNX Runtime's profile;"
        f" {times.whole_microseconds / US_PER_MS:.2f} ms without it, so it adds"
        f" {times.added_microseconds:.1f} us to each"
    )


def splits_table(artifacts: Sequence[Artifact]) -> Table:
    """List what keeps an int8 .tflite from running in one delegate partition."""
    rows = [
        row
        for artifact in artifacts
        if artifact.precision is Precision.INT8 and artifact.delegation is not None
        for row in _split_rows(artifact.file, artifact.delegation)
    ]
    return Table(("artifact", "partitions", "not delegated", "layer", "why"), rows)


def _split_rows(file: str, found: Delegation) -> list[tuple[str, ...]]:
    partitions = str(found.partitions)
    if found.is_whole:
        return []
    if not found.left:
        return [(file, partitions, "-", "-", UNKNOWN)]
    return [(file, partitions, op.kind, op.layer, op.reason) for op in found.left]


def counts_table(artifacts: Sequence[Artifact]) -> Table:
    """List what each file computes for one image, where it is known."""
    rows = [
        (
            artifact.file,
            f"{counts.parameters / MILLION:.3f}",
            f"{counts.multiply_adds / MILLION:.2f}",
            *(f"{counts.roles[role.value].multiply_adds / MILLION:.2f}" for role in ROLES),
            f"{counts.activations / MILLION:.3f}",
        )
        for artifact in artifacts
        if (counts := artifact.counts) is not None
    ]
    roles = (f"by {role.value}" for role in ROLES)
    columns = ("file", "parameters, million", "multiply-adds, million", *roles)
    return Table((*columns, "activations, million"), rows)


def latency_sentence(manifest: Manifest) -> str:
    """Say how fast the fastest file is beside the float model; empty if unknown."""
    known = [(each.latency.p50_ms, each.file) for each in manifest.artifacts if each.latency]
    if not known:
        return ""
    ms, file = min(known)
    text = f"Here, on one thread, {file} takes {ms:.3g} ms for an image"
    if manifest.float_latency is not None:
        reference = manifest.float_latency.p50_ms
        times = f"{reference / ms:.1f} times that"
        text += f", and the float model as a float32 .tflite {reference:.3g} ms, {times}"
    return f"{text}. A board has its own times: strop bench measures them."


def machine_table(machine: Machine) -> Table:
    """List the known facts about a machine."""
    memory = machine.memory_bytes
    facts = {
        "board": machine.board,
        "processor": machine.cpu_model,
        "architecture": machine.arch,
        "int8 instructions": ", ".join(machine.isa),
        "cores": machine.cores_online,
        "governor": machine.governor,
        "memory": None if memory is None else f"{memory / GIB:.1f} GiB",
        "system": machine.os,
        "kernel": machine.kernel,
        "Python": machine.python,
    }
    rows = [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
    return Table(("machine", ""), rows)
