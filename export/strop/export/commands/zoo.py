"""`strop zoo`: the architectures that `strop export` takes by name."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from strop import console
from strop.export.architectures import ARCHITECTURES, Architecture
from strop.export.shipped import MODEL_NAME

COLUMNS = ("name", "size px", "alpha", "alphas with ImageNet weights", "sizes with them", "paper")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "zoo",
        help="the models that export can start from",
        description="List the architectures that `strop export` takes by name.",
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table or the record."""
    if options.json:
        members = [asdict(member) for member in ARCHITECTURES.values()]
        console.json({"format_version": 1, "default": MODEL_NAME, "architectures": members})
        return 0
    console.table(COLUMNS, [_row(member) for member in ARCHITECTURES.values()])
    console.note(f"Without a name, strop export takes the model that ships with it: {MODEL_NAME}")
    return 0


def _row(member: Architecture) -> tuple[object, ...]:
    return (
        member.name,
        member.default_size,
        _alphas(member),
        [f"{alpha:g}" for alpha in member.imagenet_alphas],
        member.imagenet_sizes,
        member.source,
    )


def _alphas(member: Architecture) -> object:
    if not member.has_alpha:
        return None
    return [f"{alpha:g}" for alpha in member.alphas] or "any > 0"
