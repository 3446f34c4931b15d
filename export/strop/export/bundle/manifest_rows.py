"""Rows of tables from a manifest's record, for the terminal and for pages."""

from __future__ import annotations

import math
from typing import Any

from strop.runtime.bench.layer_times import LayerTimes
from strop.runtime.machine.machine import Machine
from strop.runtime.records.typed_json import read_typed
from strop.runtime.units import US_PER_MS

STEP_COLUMNS = ("int8 step", "KL, nats", "signal to noise of the scores, dB", "kept")
COST_COLUMNS = ("layer", "operation", "rounded", "alone, dB", "agreement, %", "KL, nats")
ISLAND_COLUMNS = ("kept in float", "operations", "in", "p50, ms", "int8 would need")
TIME_COLUMNS = ("layer", "operation", "us", "share, %")
GIB = 1 << 30


def step_row(step: dict[str, Any]) -> tuple[str, ...]:
    """What a step of the quantization was worth, by STEP_COLUMNS."""
    return (
        step["name"],
        f"{step['divergence']:.5f}",
        f"{step['signal_to_noise_db']:.1f}",
        "yes" if step["is_kept"] else "no",
    )


def cost_row(cost: dict[str, Any]) -> tuple[str, ...]:
    """What rounding at a layer alone costs the scores, by COST_COLUMNS."""
    noise = cost["noise"]
    decibel = f"{-10 * math.log10(noise):.1f}" if noise > 0 else "exact"
    return (
        cost["layer"],
        cost["kind"],
        cost["part"],
        decibel,
        "" if cost["agreement"] is None else f"{100 * cost['agreement']:.1f}",
        f"{cost['divergence']:.5f}",
    )


def island_rows(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """The islands of `float_layers` as a manifest has it, by ISLAND_COLUMNS."""
    return [
        (
            island["layer"],
            ", ".join(dict.fromkeys(island["kinds"])),
            price["artifact"],
            f"{price['ms']:.3f} of {price['whole_ms']:.3f}",
            "; ".join(dict.fromkeys(cause["needs"] for cause in island["causes"])),
        )
        for island in record.get("islands", ())  # version 4 has none
        for price in island["prices"]
    ]


def time_told(times: LayerTimes) -> str:
    """What the rows by TIME_COLUMNS add up to, and what the profile does to them."""
    total = sum(each.microseconds for each in times.operations)
    return (
        f"{total / US_PER_MS:.2f} ms in all, by ONNX Runtime's profile;"
        f" {times.whole_microseconds / US_PER_MS:.2f} ms without it, so it adds"
        f" {times.added_microseconds:.1f} us to each"
    )


def time_rows(times: LayerTimes) -> list[tuple[str, ...]]:
    """How long each operation of an artifact takes, the longest first, by TIME_COLUMNS."""
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


def layer_times_of(artifact: dict[str, Any]) -> LayerTimes | None:
    """As a manifest has them of an artifact."""
    times = artifact["layer_times"]
    return None if times is None else read_typed(times, LayerTimes, at="times")


def machine_rows(machine: Machine) -> list[tuple[str, str]]:
    """What a machine says of itself: name and value."""
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
