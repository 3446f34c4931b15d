"""Prints what a network costs on paper, by the roles of its layers or layer by layer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from strop import console
from strop.export.inspect.count import Count, Role
from strop.runtime.units import MILLION, PERCENT


def print_roles(count: Count) -> None:
    """Print parameters, multiply-adds and activations of each role, and of all."""
    rows = [_row(role.value, count.of(role), count) for role in Role if count.of(role).parameters]
    console.table(
        ("layers", "count", "parameters", "%", "multiply-adds, million", "%", "activations"),
        [*rows, _row("all", count, count)],
    )


def print_layers(count: Count) -> None:
    """Print every layer that multiplies."""
    console.table(
        ("layer", "role", "kernel", "result", "parameters", "multiply-adds, million"),
        [
            (
                layer.name,
                layer.role.value,
                "x".join(map(str, layer.kernel)),
                "x".join(map(str, layer.shape)),
                layer.parameters,
                f"{layer.multiply_adds / MILLION:.3f}",
            )
            for layer in count.layers
            if layer.multiply_adds
        ],
    )


def count_record(count: Count) -> dict[str, Any]:
    """Sums, roles and layers for `--json`."""
    return {
        **asdict(count.totals()),
        "layers": [
            {**asdict(layer), "role": layer.role.value, "activations": layer.activations}
            for layer in count.layers
        ],
    }


def _row(name: str, part: Count, whole: Count) -> tuple[object, ...]:
    return (
        name,
        sum(1 for layer in part.layers if layer.parameters),
        part.parameters,
        _share(part.parameters, whole.parameters),
        f"{part.multiply_adds / MILLION:.1f}",
        _share(part.multiply_adds, whole.multiply_adds),
        part.activations,
    )


def _share(part: int, whole: int) -> str:
    return f"{PERCENT * part / whole:.1f}" if whole else "-"
