"""`strop explain`: where the accuracy of an export goes, layer by layer."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.export.bundle.bundle import MANIFEST, READABLE_VERSIONS, read_manifest
from strop.export.bundle.manifest_rows import (
    COST_COLUMNS,
    ISLAND_COLUMNS,
    STEP_COLUMNS,
    TIME_COLUMNS,
    cost_row,
    island_rows,
    layer_times_of,
    step_row,
    time_rows,
    time_told,
)
from strop.runtime.bench.layer_times import LayerTimes
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
    parser.add_argument("--top", type=int, default=DEFAULT_ROWS, metavar="N", help="rows to show")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the manifest's record of steps and costs."""
    record = _read(options.bundle)
    try:
        _show(record, options)
    # It is JSON, and may hold anything.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as err:
        raise ArtifactError(
            f"{options.bundle / MANIFEST}: damaged ({type(err).__name__}: {err}); export again"
        ) from err
    return 0


def _show(record: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        kept = {name: record[name] for name in ("int8_steps", "sensitivity", "float_layers")}
        by_file = {file: asdict(each) for file, each in _times(record)}
        console.json({**kept, "layer_times": by_file})
        return
    print_steps(record["int8_steps"])
    print_float_layers(record["float_layers"])
    console.gap()
    console.table(
        COST_COLUMNS,
        [cost_row(cost) for cost in record["sensitivity"][: options.top]],
    )
    for file, times in _times(record):
        console.gap()
        where = record["machine"]["cpu_model"]
        console.note(f"{file}, one thread, on {where}: {time_told(times)}")
        console.table(TIME_COLUMNS, time_rows(times)[: options.top])


def _times(record: dict[str, Any]) -> Iterator[tuple[str, LayerTimes]]:
    """Files whose engine tells how long operations take, with what it told."""
    for artifact in record["artifacts"]:
        times = layer_times_of(artifact)
        if times is not None:
            yield artifact["file"], times


def print_steps(steps: Iterable[dict[str, Any]]) -> None:
    """Print what each step of the quantization was worth, as the manifest has it."""
    console.table(STEP_COLUMNS, [step_row(step) for step in steps])


def print_float_layers(record: dict[str, Any]) -> None:
    """Print what is in float, and what was tried in float for --max-drop; nothing if none was."""
    islands = island_rows(record)
    if islands:
        console.gap()
        console.table(ISLAND_COLUMNS, islands)
    if record["tried"]:
        console.gap()
        _print_tried(record)


def _print_tried(record: dict[str, Any]) -> None:
    console.table(
        (
            "kept in float" if record["kept"] else "tried in float",
            "for its",
            "in",
            "p50, ms",
            "drop, points",
        ),
        [
            (
                layer["layer"],
                layer["part"],
                price["artifact"],
                f"{price['ms_before']:.2f} -> {price['ms']:.2f}",
                f"{100 * price['drop_before']:+.2f} -> {100 * price['drop']:+.2f}"
                f" (at most {100 * price['drop_high']:+.2f})",
            )
            for layer in record["tried"]
            for price in layer["prices"]
        ],
    )
    if not record["kept"]:
        console.note("the promise was not reached with these either; the files are int8 throughout")


def _read(bundle: Path) -> dict[str, Any]:
    path = bundle / MANIFEST
    record = read_manifest(bundle)
    if record.get("format_version") not in READABLE_VERSIONS:
        readable = " and ".join(map(str, READABLE_VERSIONS))
        raise ArtifactError(
            f"{path}: has format_version {record.get('format_version')!r}, this strop reads"
            f" {readable}; export again, or use the strop that wrote it"
        )
    if not record.get("sensitivity"):
        raise ArtifactError(
            f"{path}: has no costs of layers; export with int8 and an --effort above fast"
        )
    return record
