"""`strop explain`: where the accuracy of an export goes, layer by layer."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from strop import console
from strop.export.bundle import MANIFEST
from strop.runtime.errors import ArtifactError

DEFAULT_ROWS = 15


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show what each layer's rounding costs",
        description="Show what each step of an export was worth, and what the rounding of each"
        " layer alone costs the scores, the costliest first.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("bundle", type=Path, help="the folder that strop export wrote")
    parser.add_argument("--top", type=int, default=DEFAULT_ROWS, metavar="N", help="rows to show")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the manifest's record of steps and costs."""
    record = _read(options.bundle)
    if options.json:
        console.json({"int8_steps": record["int8_steps"], "sensitivity": record["sensitivity"]})
        return 0
    print_steps(record["int8_steps"])
    console.gap()
    console.table(
        ("layer", "operation", "rounded", "alone, dB", "agreement, %", "KL, nats"),
        [_row(cost) for cost in record["sensitivity"][: options.top]],
    )
    return 0


def print_steps(steps: Iterable[dict[str, Any]]) -> None:
    """Print what each step of the quantization was worth, as the manifest has it."""
    console.table(
        ("int8 step", "signal to noise of the scores, dB", "kept"),
        [
            (step["name"], f"{step['signal_to_noise_db']:.1f}", "yes" if step["is_kept"] else "no")
            for step in steps
        ],
    )


def _row(cost: dict[str, Any]) -> tuple[str, ...]:
    noise = cost["noise"]
    decibel = f"{-10 * math.log10(noise):.1f}" if noise > 0 else "exact"
    return (
        cost["layer"],
        cost["kind"],
        cost["part"],
        decibel,
        f"{100 * cost['agreement']:.1f}",
        f"{cost['divergence']:.5f}",
    )


def _read(bundle: Path) -> dict[str, Any]:
    path = bundle / MANIFEST
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as err:
        raise ArtifactError(
            f"{path}: cannot be read ({err}); needed is the folder that strop export wrote"
        ) from err
    if not record.get("sensitivity"):
        raise ArtifactError(
            f"{path}: has no costs of layers; export with int8 and an --effort above fast"
        )
    return record
