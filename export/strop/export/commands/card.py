"""`strop card`: the model card of an export, for a repository of models."""

from __future__ import annotations

import argparse
from pathlib import Path

from strop import console
from strop.export.bundle.card import Answered, CardFacts, model_card
from strop.export.bundle.card_seal import CARD, is_as_written, sealed
from strop.export.bundle.manifest import Manifest, read_manifest
from strop.runtime import open as open_artifact
from strop.runtime.errors import RecordError
from strop.runtime.evidence.board_rows import BoardRow, read_boards
from strop.runtime.records.user_files import require_writable, write_whole


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `card` to the command line."""
    parser = subparsers.add_parser(
        "card",
        help="the model card of an export, with its certificate and its times",
        description="Write README.md into a folder that strop export wrote: what the model is for,"
        " what it takes, its certificate, its speed on this and other machines, and its limits,"
        " with the metadata that Hugging Face reads. Bench records in the folder are in its table.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("bundle", type=Path, help="the folder that strop export wrote")
    parser.add_argument("--license", default="", metavar="ID", help="as apache-2.0")
    parser.add_argument(
        "--base-model", default="", metavar="NAME", help="of the float model, as owner/name"
    )
    parser.add_argument("--about", default="", metavar="TEXT", help="what the model is for")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.md", help=f"default: {CARD} in the folder"
    )
    parser.add_argument("--force", action="store_true", help="overwrite a file that was edited")


def run(options: argparse.Namespace) -> int:
    """Write the card.

    Raises:
        ArtifactError: The folder has no manifest, or its files cannot be opened.
        OutputError: There is another file of that name, or an edited card, or it cannot be written.
    """
    output: Path = options.output or options.bundle / CARD
    require_writable(output, force=options.force or is_as_written(output))
    manifest = read_manifest(options.bundle)
    with open_artifact(options.bundle / manifest.artifacts[0].file) as classifier:
        contract = classifier.contract
        outputs = [
            Answered(name=head.name, decision=head.decision, labels=head.contract.labels)
            for head in classifier.heads
        ]
    facts = CardFacts(licence=options.license, base_model=options.base_model, about=options.about)
    boards = _boards(options.bundle, manifest)
    card = model_card(manifest, contract, outputs, boards=boards, facts=facts)
    write_whole(sealed(card), output)
    console.note(f"written: {output}")
    return 0


def _boards(folder: Path, manifest: Manifest) -> list[BoardRow]:
    """Bench records of the bundle's files; what does not count is said."""
    try:
        found = read_boards(folder)
    except RecordError:
        return []
    for each in found.refused:
        console.note(f"not in the card: {each.path}: {each.reason}")
    own = {artifact.sha256 for artifact in manifest.artifacts}
    return [row for row in found.rows if row.sha256 in own]
