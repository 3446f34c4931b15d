"""`strop search`: the images of an index that are most like a photo."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.classify.vector_index import IndexFacts, matches, read_index
from strop.runtime.commands.flags.numbers import positive
from strop.runtime.commands.vector_artifact import (
    VectorArtifact,
    add_vector_flags,
    opened_for_vectors,
)

DEFAULT_TOP = 5


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "search",
        help="the images of an index that are most like a photo",
        description="The images whose vectors are nearest to those of photos, best first, by the"
        " cosine of the angle. strop run ARTIFACT FOLDER --vectors INDEX.npz writes the index.",
    )
    parser.add_argument("artifact", type=Path, help=".tflite or .onnx that made the index")
    parser.add_argument("index", type=Path, help=".npz that strop run --vectors wrote")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="what to look for")
    parser.add_argument(
        "--top",
        type=positive,
        default=DEFAULT_TOP,
        metavar="K",
        help=f"images per photo (default: {DEFAULT_TOP})",
    )
    parser.add_argument("--json", action="store_true", help="a record on stdout, not a table")
    add_vector_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what is found for each photo.

    Raises:
        StropError: As `strop.runtime.open`, `read_index` and `Classifier.answer`; the artifact
            gives no vectors.
    """
    index = read_index(options.index)
    echoed = {"index": f"{options.index}, {len(index.vectors)} images"}
    with opened_for_vectors(options, "search", echoed) as opened:
        other = _other(index.facts, opened, options.artifact)
        if other:
            console.note(
                f"{options.index}: is of another {other}, so that the cosines mean nothing; write"
                " it again with this one"
            )
        found = [
            (path, matches(index, opened.vector(path), top=options.top)) for path in options.images
        ]
    if options.json:
        console.json(
            [{"path": str(path), "matches": [asdict(one) for one in each]} for path, each in found]
        )
        return 0
    console.table(
        ("image", "cosine", "like"),
        [(str(path), f"{one.cosine:.4f}", one.image) for path, each in found for one in each],
    )
    return 0


def _other(facts: IndexFacts, opened: VectorArtifact, artifact: Path) -> str:
    """Say what an index is of in place of what is asked; "" where it is the same."""
    source = opened.classifier.contract.source_sha256
    if facts.sha256 != sha256_file(artifact) and (not source or source != facts.source_sha256):
        return f"model than {artifact}"
    if facts.output and facts.output != opened.output:
        return f"output, {facts.output}, than {opened.output or 'the only one'}"
    return ""
