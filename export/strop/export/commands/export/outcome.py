"""What `strop export` says about what it made."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from strop import console
from strop.export.bundle.certificate_text import certificate_tables, notes
from strop.export.bundle.tables import splits_table, steps_table
from strop.export.commands.explain import print_float_layers

if TYPE_CHECKING:
    from strop.export.pipeline import Export

OF_ARTIFACT = ("precision", "size_bytes", "delegation", "latency")
OF_MANIFEST = (
    "int8_steps",
    "calibration_checks",
    "near_ties",
    "certificate",
    "float_layers",
    "consumer",
)


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
    first, *others = certificate_tables(manifest, "artifact")
    console.table(*first)
    for table in (*others, splits_table(manifest.artifacts), steps_table(manifest.int8_steps)):
        if table.rows:
            console.gap()
            console.table(*table)
    print_float_layers(manifest)
    console.note(
        f"written to {made.folder}, certified on {certificate.images} {certificate.data} images"
    )
    for note in notes(manifest):
        console.note(note)
