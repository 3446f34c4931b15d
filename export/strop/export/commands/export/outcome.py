"""What `strop export` says about what it made."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from strop import console
from strop.export.bundle.bundle import MANIFEST
from strop.export.bundle.certificate_rows import (
    certificate_columns,
    certificate_notes,
    certificate_rows,
)
from strop.export.commands.explain import print_float_layers, print_steps
from strop.export.inspect.delegation import delegation_record
from strop.export.kernels.xnnpack import UNKNOWN
from strop.export.max_drop.float_layers import float_layers_record
from strop.export.options.choices import Precision

if TYPE_CHECKING:
    from strop.export.inspect.delegation import Delegation
    from strop.export.pipeline import Export

MAX_NAMES = 5


def record(made: Export) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "artifacts": [
            {
                "path": str(artifact.path),
                "precision": artifact.precision.value,
                "size_bytes": artifact.audit.size_bytes,
                "delegation": delegation_record(artifact.delegation),
            }
            for artifact in made.artifacts
        ],
        "int8_steps": [asdict(step) for step in made.steps],
        "calibration_checks": [asdict(found) for found in made.findings],
        "near_ties": list(made.near_ties),
        "certificate": asdict(made.certificate),
        "float_layers": float_layers_record(made.float_layers),
        "broken": list(made.broken),
    }


def show(made: Export) -> None:
    """Print the certificate, the steps, and what there is to know about both."""
    certificate = made.certificate
    told = asdict(certificate)
    sizes = {artifact.path.name: artifact.audit.size_bytes for artifact in made.artifacts}
    console.table(certificate_columns(told, "artifact"), certificate_rows(told, sizes))
    _show_splits(made)
    if made.steps:
        console.gap()
        print_steps(asdict(step) for step in made.steps)
    print_float_layers(record(made)["float_layers"])
    folder = made.artifacts[0].path.parent
    console.note(
        f"written to {folder}, certified on {certificate.images} {certificate.data} images"
    )
    for note in certificate_notes(told):
        console.note(note)
    if certificate.data == "validation" and certificate.overlap:
        console.note(
            f"{certificate.overlap} of these are calibration images as well, by content; the"
            " ranges were chosen on them, so take them out of --validation-data"
        )
    if certificate.data == "calibration":
        console.note(
            "these are the images that the ranges were chosen on; give --validation-data for a"
            " certificate that counts"
        )
    if made.near_ties:
        console.note(
            "kernels may differ by one code at"
            f" {_some(made.near_ties)}; no scale keeps these away from rounding ties"
        )


def _show_splits(made: Export) -> None:
    """Say what keeps an int8 .tflite from running in one delegate partition; else nothing."""
    rows = [
        row
        for artifact in made.artifacts
        if artifact.precision is Precision.INT8 and artifact.delegation is not None
        for row in _split_rows(artifact.path.name, artifact.delegation)
    ]
    if rows:
        console.gap()
        console.table(("artifact", "partitions", "not delegated", "layer", "why"), rows)


def _split_rows(name: str, found: Delegation) -> list[tuple[object, ...]]:
    if found.is_whole:
        return []
    if not found.left:
        return [(name, found.partitions, None, None, UNKNOWN)]
    return [(name, found.partitions, op.kind, op.layer, op.reason) for op in found.left]


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MAX_NAMES])
    rest = len(names) - MAX_NAMES
    return shown + (f" and {rest} more in {MANIFEST}" if rest > 0 else "")
