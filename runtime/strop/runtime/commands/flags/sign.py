"""The flag --sign: a signature beside what a command writes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from strop import console
from strop.runtime.errors import PlanError


def add_sign_flag(parser: Any, what: str) -> None:
    """Add --sign to a parser or a group of its flags.

    Args:
        parser: Where to.
        what: That is signed, in words.
    """
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help=f"sign {what} with an SSH key: FILE.sig, for strop verify",
    )


def require_signable(options: argparse.Namespace, *, is_written: bool = True) -> None:
    """Refuse --sign before the work, where there is nothing to sign or nothing to sign with.

    Args:
        options: With `sign`.
        is_written: Whether the command is to write the file.

    Raises:
        PlanError: Nothing is written, the key is no file, or there is no ssh-keygen.
    """
    if options.sign is None:
        return
    if not is_written:
        raise PlanError("--sign signs the file of --output, and there is none; give --output")
    from strop.runtime.evidence.ssh_signature import require_key  # not for commands without it

    require_key(options.sign)


def sign_written(options: argparse.Namespace, path: Path) -> None:
    """Sign a file if that is asked for, and say so.

    Raises:
        OutputError: ssh-keygen does not sign it.
    """
    if options.sign is None:
        return
    from strop.runtime.evidence.ssh_signature import sign

    console.note(f"signed: {sign(path, options.sign)}")
