"""`strop zoo NAME`: what a member of the zoo costs, before anything is trained or exported."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from strop import console
from strop.export.inspect.count import Count, Role
from strop.export.options.choices import Precision
from strop.export.zoo.architectures import Architecture
from strop.runtime.units import BYTES_PER_MIB, MILLION, PERCENT


def print_member(member: Architecture, count: Count, *, title: str, has_layers: bool) -> None:
    """Print the shares of each role, the sums, and with `has_layers` every layer.

    Args:
        member: The architecture.
        count: Of the member that was asked for.
        title: Its size and width.
        has_layers: Whether to list the layers that multiply.
    """
    console.line(f"{member.title}, {title}")
    console.line(f"  {member.source}")
    console.gap()
    print_roles(count)
    console.gap()
    sizes = [(each.value, f"{count.weight_bytes(each) / BYTES_PER_MIB:.2f}") for each in Precision]
    console.table(("weights in", "MiB"), sizes)
    if has_layers:
        console.gap()
        print_layers(count)


def print_roles(count: Count) -> None:
    """Print what the layers of each role have, and all together."""
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


def member_record(count: Count) -> dict[str, Any]:
    """The same for `--json`, with all layers."""
    return {
        **count_record(count),
        "weight_bytes": {precision.value: count.weight_bytes(precision) for precision in Precision},
    }


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
