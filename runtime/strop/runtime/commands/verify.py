"""`strop verify`: who vouches for the files of an export, and whether they hold on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.engines import ENGINES
from strop.runtime.evidence.verification import Verification, verify_folder

FAILED = 1  # the exit code


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "verify",
        help="who vouches for the files of an export, and whether they hold here",
        description="Check a folder that strop export wrote: every file against the hash in the"
        " manifest, signatures (FILE.sig, by --sign of export, bench and check) against the keys of"
        " --signers, records against the files that they measured, and the golden vectors on this"
        " machine. Exit code 1 if something is wrong.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", type=Path, help="what strop export wrote")
    parser.add_argument(
        "--signers",
        type=Path,
        metavar="FILE",
        help="allowed signers, as of git and ssh-keygen: a line for each key, as alice@example.org"
        " ssh-ed25519 AAAA...; the manifest has to be signed by one of them",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what runs the files (default: the first that is installed)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Verify, print who vouches for what, and what is wrong; 1 if something is.

    Raises:
        ContractError: The folder has no manifest that can be read.
        PlanError: The signers cannot be read, or there is no ssh-keygen for a signature.
    """
    found = verify_folder(options.folder, signers=options.signers, engine=options.engine)
    if options.json:
        console.json({"is_verified": not found.faults, **asdict(found)})
    else:
        _show(found)
    for fault in found.faults:
        console.error(fault)
    return FAILED if found.faults else 0


def _show(found: Verification) -> None:
    console.table(
        ("file", "vouched for by", "key", "here"),
        [
            (each.name, each.vouched_by or "nobody", each.key or None, each.here or None)
            for each in found.files
        ],
    )
