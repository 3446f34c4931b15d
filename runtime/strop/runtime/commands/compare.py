"""`strop compare`: how alike two images are, by the angle between their vectors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.classify.vector_index import cosine_of
from strop.runtime.commands.vector_artifact import add_vector_flags, opened_for_vectors


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="how alike two images are, by their vectors",
        description="The cosine of the angle between the vectors of two images: 1 for the same"
        " direction, 0 for a right angle, -1 for the opposite one. The certificate names the cosine"
        " at which two images are most often rightly taken for one class.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx that gives vectors")
    parser.add_argument("first", type=Path, metavar="IMAGE")
    parser.add_argument("second", type=Path, metavar="IMAGE")
    parser.add_argument("--json", action="store_true", help="a record on stdout, not a line")
    add_vector_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the cosine.

    Raises:
        StropError: As `strop.runtime.open` and `Classifier.answer`; the artifact gives none.
    """
    with opened_for_vectors(options, "compare", {}) as opened:
        vectors = [opened.vector(path) for path in (options.first, options.second)]
    cosine = cosine_of(*vectors)
    if options.json:
        images = [str(options.first), str(options.second)]
        console.json({"images": images, "cosine": cosine})
    else:
        console.line(f"{cosine:.4f}")
    return 0
