"""`strop verify`: who vouches for the files of an export, and whether they hold on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strop import console
from strop.runtime.engines import ENGINES
from strop.runtime.errors import PlanError
from strop.runtime.evidence.verification import Verification, verify_folder
from strop.runtime.units import PERCENT

if TYPE_CHECKING:
    from strop.export.rebuild import Rebuilt

FAILED = 1  # the exit code
SHIPPED = ""  # --rebuild without a model
OF_REBUILD = ("calibration_data", "validation_data", "truth")


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
    parser.add_argument(
        "--rebuild",
        nargs="?",
        const=SHIPPED,
        metavar="MODEL",
        help="export MODEL (a file, or a name of the zoo; without one the model that ships with"
        " strop) again from the manifest's own settings, and say whether the bytes are the same",
    )
    parser.add_argument(
        "--calibration-data", type=Path, metavar="DIR", help="of --rebuild, as of strop export"
    )
    parser.add_argument("--validation-data", type=Path, metavar="DIR", help="likewise")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="likewise")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Verify, print who vouches for what, and what is wrong; 1 if something is.

    Raises:
        ContractError: The folder has no manifest that can be read.
        PlanError: The signers cannot be read, or there is no ssh-keygen for a signature; or flags
            of --rebuild without it.
        StropError: As `strop.export.rebuild.rebuild`.
    """
    given = [name for name in OF_REBUILD if getattr(options, name) is not None]
    if given and options.rebuild is None:
        raise PlanError(f"--{given[0].replace('_', '-')} is of --rebuild; give that too")
    found = verify_folder(options.folder, signers=options.signers, engine=options.engine)
    made = None
    if options.rebuild is not None and not found.faults:
        made = _rebuilt(options)
    is_verified = not found.faults and (made is None or made.is_same)
    if options.json:
        rebuilt = None if made is None else asdict(made)
        console.json({"is_verified": is_verified, **asdict(found), "rebuilt": rebuilt})
    else:
        _show(found, made)
    for fault in found.faults:
        console.error(fault)
    if made is not None and not made.is_same:
        console.error(*_why(made))
    return 0 if is_verified else FAILED


def _rebuilt(options: argparse.Namespace) -> Rebuilt:
    from strop.export.rebuild import RebuildRequest, rebuild  # loads what export needs
    from strop.export.training.record import as_trained
    from strop.export.zoo.shipped import SHIPPED_CALIBRATION, SHIPPED_VALIDATION, shipped_spec
    from strop.export.zoo.spec import ModelSpec

    is_shipped = options.rebuild == SHIPPED
    request = RebuildRequest(
        spec=shipped_spec() if is_shipped else as_trained(ModelSpec(model=options.rebuild)),
        calibration_data=options.calibration_data or (SHIPPED_CALIBRATION if is_shipped else None),
        validation_data=options.validation_data or (SHIPPED_VALIDATION if is_shipped else None),
        truth=options.truth,
    )
    return rebuild(
        options.folder,
        request,
        on_step=lambda step: console.note(f"  {step} ..."),
        progress=console.progress,
    )


def _show(found: Verification, made: Rebuilt | None) -> None:
    console.table(
        ("file", "vouched for by", "key", "here"),
        [
            (each.name, each.vouched_by or "nobody", each.key or None, each.here or None)
            for each in found.files
        ],
    )
    if made is None:
        return
    console.gap()
    console.table(
        ("exported again", "bytes", "scores that differ", "largest, codes"),
        [
            (
                each.file,
                "the same" if each.is_same else "others",
                None if each.differing is None else f"{PERCENT * each.differing:.2f} %",
                each.largest,
            )
            for each in made.files
        ],
    )


def _why(made: Rebuilt) -> tuple[str, ...]:
    others = [each.file for each in made.files if not each.is_same]
    causes = made.differences or ("the same packages and processor: this is a fault of strop",)
    return (f"exported again, {', '.join(others)} has other bytes", *causes)
