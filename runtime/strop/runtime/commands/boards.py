"""`strop boards`: bench records of many machines as one table."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.errors import PlanError
from strop.runtime.evidence.board_html import boards_html
from strop.runtime.evidence.board_page import COLUMNS, boards_markdown, cells
from strop.runtime.evidence.board_rows import read_boards
from strop.runtime.records.user_files import require_writable, write_whole

REFUSED = 1  # the exit code
WRITERS = {".md": boards_markdown, ".html": boards_html}


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "boards",
        help="bench records of many machines as one table",
        description="Make one table of what strop bench --output kept on many machines: each file"
        " by board, the fastest first. Records that were disturbed, or whose signature does not"
        " hold, are named and not counted; exit code 1 then, for the CI of a repository that"
        " people add records to.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", type=Path, help="of the records; those below it count too")
    parser.add_argument(
        "--signers", type=Path, metavar="FILE", help="allowed signers: a record needs one of them"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the tables as Markdown (FILE.md), or as a page (FILE.html)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(options: argparse.Namespace) -> int:
    """Read, print, write; 1 if a record was refused.

    Raises:
        RecordError: It is no folder, or has no bench record.
        PlanError: The signers cannot be read, there is no ssh-keygen for a signature, or the output
            is named as neither Markdown nor a page.
        OutputError: The file exists or cannot be written.
    """
    if options.output is not None:
        if options.output.suffix not in WRITERS:
            raise PlanError(f"--output {options.output}: needed is a name ending in .md or .html")
        require_writable(options.output, force=options.force)
    found = read_boards(options.folder, signers=options.signers)
    if options.json:
        console.json(asdict(found))
    else:
        console.table(("artifact", *COLUMNS), [(row.artifact, *cells(row)) for row in found.rows])
    for each in found.refused:
        console.error(f"{each.path}: {each.reason}")
    if options.output is not None:
        write_whole(WRITERS[options.output.suffix](found), options.output)
        console.note(f"written: {options.output}")
    return REFUSED if found.refused else 0
