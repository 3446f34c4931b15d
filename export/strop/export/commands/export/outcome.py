"""What `strop export` says about what it made."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from strop import console
from strop.export.bundle.certificate_text import certificate_notes, certificate_table
from strop.export.bundle.tables import steps_table
from strop.export.commands.explain import print_float_layers
from strop.export.kernels.xnnpack import UNKNOWN
from strop.export.options.choices import Precision
from strop.runtime.check.judge.certified import MANIFEST

if TYPE_CHECKING:
    from strop.export.bundle.manifest import Manifest
    from strop.export.inspect.contents import Delegation
    from strop.export.pipeline import Export

MAX_NAMES = 5
OF_ARTIFACT = ("precision", "size_bytes", "delegation", "latency")
OF_MANIFEST = ("int8_steps", "calibration_checks", "near_ties", "certificate", "float_layers")


def record(made: Export) -> dict[str, object]:
    """What `--json` prints."""
    fields = asdict(made.manifest)
    artifacts = [
        {"path": str(path), **{name: each[name] for name in OF_ARTIFACT}}
        for path, each in zip(made.paths, fields["artifacts"], strict=True)
    ]
    kept = {name: fields[name] for name in OF_MANIFEST}
    return {"artifacts": artifacts, **kept, "broken": list(made.broken)}


def show(made: Export) -> None:
    """Print the certificate, the steps, and what there is to know about both."""
    manifest = made.manifest
    certificate = manifest.certificate
    console.table(*certificate_table(manifest, "artifact"))
    _show_splits(manifest)
    if manifest.int8_steps:
        console.gap()
        console.table(*steps_table(manifest.int8_steps))
    print_float_layers(manifest.float_layers)
    console.note(
        f"written to {made.folder}, certified on {certificate.images} {certificate.data} images"
    )
    for note in certificate_notes(certificate):
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
    if manifest.near_ties:
        console.note(
            "kernels may differ by one code at"
            f" {_some(manifest.near_ties)}; no scale keeps these away from rounding ties"
        )


def _show_splits(manifest: Manifest) -> None:
    """Say what keeps an int8 .tflite from running in one delegate partition; else nothing."""
    rows = [
        row
        for artifact in manifest.artifacts
        if artifact.precision is Precision.INT8 and artifact.delegation is not None
        for row in _split_rows(artifact.file, artifact.delegation)
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
