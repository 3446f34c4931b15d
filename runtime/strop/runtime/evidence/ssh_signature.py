"""Signs files with SSH keys, and says who signed one, by OpenSSH's own ssh-keygen.

A signature lies beside its file, as FILE.sig. Who may sign stands in an allowed-signers file:
a line for each key, "alice@example.org ssh-ed25519 AAAA...", as git takes it too.

Source: ssh-keygen(1), section ALLOWED SIGNERS, https://man.openbsd.org/ssh-keygen.1, and the format
of signatures, https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from strop.runtime.errors import OutputError, PlanError
from strop.runtime.records.user_files import read_file, require_file

PROGRAM = "ssh-keygen"
NAMESPACE = "strop"  # a signature for another purpose is none of these
SUFFIX = ".sig"
MAX_SIGNATURE_BYTES = 64 << 10
MAX_SIGNERS_BYTES = 4 << 20
MAX_SAID = 200  # characters of what ssh-keygen says
OUT_OF_DATE = "verify time"  # in what is said of a key that may not sign yet, or any more
UNLISTED = "No principal matched"
CHECK_S = 60  # a signature is checked in milliseconds
PRIVATE = b"-----BEGIN "
PUBLIC = (b"ssh-", b"ecdsa-", b"sk-")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
FINGERPRINT = re.compile(rf'^Good "{NAMESPACE}" signature.* with (\S+) key (\S+)$', re.MULTILINE)
KEY_NEEDED = "--sign takes a private SSH key, or its .pub with an ssh-agent that has it"
SIGNER_NEEDED = (
    "needed is an allowed-signers file: a line for each key, as alice@example.org ssh-ed25519"
    " AAAA..."
)


class Standing(str, Enum):
    """What a signature says of its file."""

    GOOD = "good"
    """It fits the file, and the key is of an allowed signer."""
    UNKNOWN = "unknown signer"
    """It fits the file, and nothing says whose the key is."""
    WRONG = "does not fit"
    """File or signature were changed, or it is no signature of strop's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Who signed a file.

    Attributes:
        standing: What the signature says.
        signer: As the allowed-signers file calls the key's owner; empty unless GOOD.
        key: Type and SHA-256 fingerprint; empty where it does not fit.
        reason: What ssh-keygen says against it; empty if GOOD, and where no signers are given.
    """

    standing: Standing
    signer: str = ""
    key: str = ""
    reason: str = ""


def signature_beside(path: Path) -> Path:
    """Name the signature of a file."""
    return path.with_name(path.name + SUFFIX)


def require_key(key: Path) -> None:
    """Refuse to begin work whose result could not be signed.

    Raises:
        PlanError: The key is no file or no SSH key, others may read it, or there is no ssh-keygen.
    """
    require_file(key, error=PlanError, remedy=KEY_NEEDED)
    try:
        with key.open("rb") as file:
            first = file.readline(MAX_SIGNATURE_BYTES)
    except OSError as err:
        raise PlanError(f"{key}: {err.strerror}; {KEY_NEEDED}") from err
    if not first.startswith((PRIVATE, *PUBLIC)):
        raise PlanError(f"{key}: no SSH key; {KEY_NEEDED}")
    found = key.stat()
    # As ssh-keygen does, which says so in ten lines when the work is done.
    if first.startswith(PRIVATE) and found.st_mode & OTHERS and found.st_uid == os.geteuid():
        raise PlanError(
            f"{key}: others may read this private key (mode {found.st_mode & 0o777:o}), and"
            f" ssh-keygen does not take it so; run: chmod 600 {key}"
        )
    _program()


def sign(path: Path, key: Path) -> Path:
    """Sign a file; ssh-keygen asks for a passphrase itself, and takes a key that an agent has.

    Args:
        path: Of the file.
        key: Private key, or public key of one that is in the agent.

    Returns:
        Where the signature is, in place of an older one.

    Raises:
        OutputError: ssh-keygen does not sign; its words are in the error.
    """
    found = signature_beside(path)
    found.unlink(missing_ok=True)  # ssh-keygen would ask whether to overwrite it
    command = [_program(), "-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE]
    command.append(str(path.absolute()))
    # Not its stdin: it asks for a passphrase there where there is no terminal.
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode or not found.is_file():
        raise OutputError(
            f"{path}: not signed ({_first_line(done.stderr)}); give --sign a private SSH key that"
            " ssh-keygen can read"
        )
    return found


def signature_of(path: Path, signers: Path | None) -> Signature | None:
    """Check the signature beside a file.

    Args:
        path: Of the file.
        signers: An allowed-signers file; None to see only whether the signature fits.

    Returns:
        None where there is none.

    Raises:
        PlanError: The signers cannot be read, a file is none, or there is no ssh-keygen.
    """
    beside = signature_beside(path)
    if not beside.exists():
        return None
    read_file(beside, max_bytes=MAX_SIGNATURE_BYTES, error=PlanError, remedy="sign it again")
    require_file(path, error=PlanError, remedy="copy it again")
    signed = ("-n", NAMESPACE, "-s", str(beside.absolute()))
    fits = _ask(path, "check-novalidate", *signed)
    if fits.returncode:
        return Signature(standing=Standing.WRONG, reason=_first_line(fits.stderr))
    match = FINGERPRINT.search(fits.stdout.decode(errors="replace"))
    key = " ".join(match.groups()) if match else "a key"
    if signers is None:
        return Signature(standing=Standing.UNKNOWN, key=key)
    return _signer(path, signers, signed, key)


def _signer(path: Path, signers: Path, signed: Sequence[str], key: str) -> Signature:
    """Find whose key it is, and whether that one may sign this, now."""
    read_file(signers, max_bytes=MAX_SIGNERS_BYTES, error=PlanError, remedy=SIGNER_NEEDED)
    listed = ("-f", str(signers.absolute()))
    named = _ask(path, "find-principals", *listed, *signed[2:])
    signer = next(iter(named.stdout.decode(errors="replace").splitlines()), "").split(",")[0]
    if named.returncode or not signer:
        said = _first_line(named.stderr)
        if said.startswith(f"{signers.absolute()}:") and OUT_OF_DATE not in said:
            raise PlanError(f"{said}; {SIGNER_NEEDED}")
        reason = f"{signers} does not list it" if said.startswith(UNLISTED) else said
        return Signature(standing=Standing.UNKNOWN, key=key, reason=reason)
    verified = _ask(path, "verify", *listed, "-I", signer, *signed)
    if verified.returncode:
        return Signature(standing=Standing.UNKNOWN, key=key, reason=_first_line(verified.stderr))
    return Signature(standing=Standing.GOOD, signer=signer, key=key)


def _ask(path: Path, what: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    with path.open("rb") as content:
        return subprocess.run(
            [_program(), "-Y", what, *arguments],
            stdin=content,
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )


def _program() -> str:
    found = shutil.which(PROGRAM)
    if found is None:
        raise PlanError(f"{PROGRAM}: not installed; signatures need OpenSSH's, of 8.2 or later")
    return found


def _first_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return " ".join(lines[0].split())[:MAX_SAID] if lines else f"{PROGRAM} says nothing"
