"""`strop explain`: where the accuracy of an export goes, layer by layer."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from strop import console
from strop.export.bundle.certificate_text import certificate_tables, consumer_notes
from strop.export.bundle.manifest import Manifest, read_manifest
from strop.export.bundle.tables import (
    costs_table,
    end_sentence,
    ends_table,
    frontier_sentence,
    frontier_table,
    islands_table,
    steps_table,
    time_summary,
    times_table,
)
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.errors import ArtifactError

DEFAULT_ROWS = 15


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show what each layer's rounding costs, and how long it takes",
        description="Show what each step of an export was worth, what the rounding of each"
        " layer alone costs the scores, the costliest first, and how long the operations of the"
        " .onnx took where it was made, the longest first.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("bundle", type=Path, help="the folder that strop export wrote")
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_ROWS,
        metavar="N",
        help="rows of each table (default %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the manifest's record of steps and costs."""
    manifest = read_manifest(options.bundle)
    if not manifest.sensitivity:
        raise ArtifactError(
            f"{options.bundle / MANIFEST}: has no costs of layers; export with int8 and an"
            " --effort above fast"
        )
    if options.json:
        console.json(explained(manifest))
    else:
        _show(manifest, options.top)
    return 0


def explained(manifest: Manifest) -> dict[str, object]:
    """What `--json` prints."""
    fields = asdict(manifest)
    kept = {name: fields[name] for name in ("int8_steps", "sensitivity", "float_layers")}
    times = {file: asdict(each) for file, each in manifest.layer_times.items()}
    through = fields["certificate"]["through"]
    return {**kept, "layer_times": times, "consumer": fields["consumer"], "through": through}


def _show(manifest: Manifest, top: int) -> None:
    if manifest.consumer is not None:
        for table in certificate_tables(manifest, "artifact"):
            console.table(*table)
        for note in consumer_notes(manifest.consumer):
            console.note(note)
        console.gap()
    console.table(*steps_table(manifest.int8_steps))
    print_float_layers(manifest)
    console.gap()
    console.table(*costs_table(manifest.sensitivity).first(top))
    for file, times in manifest.layer_times.items():
        console.gap()
        where = manifest.machine.cpu_model
        console.note(f"{file}, one thread, on {where}: {time_summary(times)}")
        console.table(*times_table(times).first(top))


def print_float_layers(manifest: Manifest) -> None:
    """Print what is in float, and what was measured in float; nothing if there is nothing."""
    layers = manifest.float_layers
    tables = (
        islands_table(layers.islands),
        ends_table(layers.ends),
        frontier_table(layers.frontier),
    )
    for table in tables:
        if table.rows:
            console.gap()
            console.table(*table)
    if layers.frontier is not None:
        console.note(frontier_sentence(layers.frontier))
    for end in layers.ends:
        console.note(end_sentence(end))
