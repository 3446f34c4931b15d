"""Writes parts of a manifest as rows of tables, for the terminal and for pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strop.export.bundle.manifest import Manifest
from strop.export.max_drop.float_layers import FloatIsland, FloatLayer
from strop.export.quantize.costs import Cost, Step
from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.machine.machine import Machine
from strop.runtime.units import US_PER_MS

STEP_COLUMNS = ("int8 step", "KL, nats", "signal to noise of the scores, dB", "kept")
COST_COLUMNS = ("layer", "operation", "rounded", "alone, dB", "agreement, %", "KL, nats")
ISLAND_COLUMNS = ("kept in float", "operations", "in", "p50, ms", "int8 would need")
TRIED_COLUMNS = ("for its", "in", "p50, ms", "drop, points")  # behind the layer
TIME_COLUMNS = ("layer", "operation", "us", "share, %")
GIB = 1 << 30


def step_row(step: Step) -> tuple[str, ...]:
    """Return one step of the quantization, by STEP_COLUMNS."""
    return (
        step.name,
        f"{step.divergence:.5f}",
        f"{step.signal_to_noise_db:.1f}",
        "yes" if step.is_kept else "no",
    )


def cost_row(cost: Cost) -> tuple[str, ...]:
    """Return the cost of rounding at one layer alone, by COST_COLUMNS."""
    return (
        cost.layer,
        cost.kind,
        cost.part,
        f"{-10 * math.log10(cost.noise):.1f}" if cost.noise > 0 else "exact",
        "" if cost.agreement is None else f"{100 * cost.agreement:.1f}",
        f"{cost.divergence:.5f}",
    )


def island_rows(islands: Sequence[FloatIsland]) -> list[tuple[str, ...]]:
    """Return the operations without int8 form, and their price per file, by ISLAND_COLUMNS."""
    return [
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


def tried_rows(tried: Sequence[FloatLayer]) -> list[tuple[str, ...]]:
    """Return the layers that were tried in float for --max-drop, by TRIED_COLUMNS."""
    return [
        (
            layer.layer,
            layer.part,
            price.artifact,
            f"{price.ms_before:.2f} -> {price.ms:.2f}",
            f"{100 * price.drop_before:+.2f} -> {100 * price.drop:+.2f}"
            f" (at most {100 * price.drop_high:+.2f})",
        )
        for layer in tried
        for price in layer.prices
    ]


def time_summary(times: LayerTimes) -> str:
    """Say how long all operations take, and how much of that the profile adds."""
    total = sum(each.microseconds for each in times.operations)
    return (
        f"{total / US_PER_MS:.2f} ms in all, by ONNX Runtime's profile;"
        f" {times.whole_microseconds / US_PER_MS:.2f} ms without it, so it adds"
        f" {times.added_microseconds:.1f} us to each"
    )


def time_rows(times: LayerTimes) -> list[tuple[str, ...]]:
    """Return the time of each operation, the longest first, by TIME_COLUMNS."""
    total = sum(each.microseconds for each in times.operations)
    return [
        (
            each.layer,
            each.kind,
            f"{each.microseconds:.0f}",
            f"{100 * each.microseconds / total:.1f}" if total else "",
        )
        for each in sorted(times.operations, key=lambda each: -each.microseconds)
    ]


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


def machine_rows(machine: Machine) -> list[tuple[str, str]]:
    """Return the known facts about a machine: name and value."""
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
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
