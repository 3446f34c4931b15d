"""Turns what ssh, the login or the agent say instead of an answer into errors with a remedy."""

from __future__ import annotations

from dataclasses import replace

from strop.runtime.errors import MeasurementError, TargetError
from strop.runtime.pages.terminal_text import one_line
from strop.runtime.records.error_record import ErrorRecord
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.typed_json import read_typed
from strop.runtime.remote.address import Target

SSH_FAILED = 255  # ssh(1), EXIT STATUS
NOT_RUN = (126, 127)  # POSIX shells: found but not executable; not found
MAX_SAID = 300  # characters of a stranger's text in an error

# What OpenSSH prints, and what to do; the first that fits.
REFUSALS = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that known_hosts has. If the board was installed anew, remove"
        " the old one (ssh-keygen -R) and run: {by_hand}",
    ),
    (
        "Host key verification failed",
        "its host key is not known here; run: {by_hand}, compare the fingerprint, and answer yes",
    ),
    (
        "Permission denied",
        "it takes none of your keys; run: {copy_id}, or ssh-add for a key with a passphrase",
    ),
    ("Could not resolve hostname", "no such host; is the name right, and is the board on?"),
    (
        "Connection refused",
        "the host answers, but not on this port; switch ssh on there (raspi-config, Interface"
        " Options)",
    ),
)
UNREACHABLE = "it cannot be reached; is it on and in this network? By hand: {by_hand}"


def refusal(target: Target, *, exit_code: int, stderr: str, stdout: str) -> TargetError:
    """The error for a board whose Python did not answer.

    Args:
        target: The board.
        exit_code: Of ssh, which is the remote command's unless ssh itself failed.
        stderr: What ssh and the board's login printed there.
        stdout: What came instead of the answer.
    """
    said = last_line(stderr) or last_line(stdout) or f"exit code {exit_code}"
    if exit_code == SSH_FAILED:
        remedy = next((then for text, then in REFUSALS if text in stderr), UNREACHABLE)
        copy_id = target.by_hand.replace("ssh", "ssh-copy-id", 1)
        remedy = remedy.format(by_hand=target.by_hand, copy_id=copy_id)
        return TargetError(f"{target}: {said}; {remedy}")
    if exit_code in NOT_RUN:
        return TargetError(
            f"{target}: no {target.python} there ({said}); install it (sudo apt install python3),"
            " or name another with --target-python"
        )
    return TargetError(
        f"{target}: the login ended before {target.python} answered ({said}); needed is a login"
        f" that runs commands. By hand: {target.by_hand} {target.python} --version"
    )


def read_reply(target: Target, payload: bytes) -> dict[str, object]:
    """Read a reply of the agent's.

    Raises:
        TargetError: It says that the disk is full, or that the cache cannot be written.
        MeasurementError: It is none of the agent's.
    """
    where, remedy = f"{target}: the reply", "does something print there while strop runs?"
    reply = parse_object(payload, where=where, error=MeasurementError, remedy=remedy)
    if "error" in reply:
        found = read_typed(reply["error"], ErrorRecord, at=where)
        raise replace(found, lines=tuple(map(one_line, found.lines))).error(str(target))
    return reply


def last_line(text: str) -> str:
    """The last line that is not empty, printable and short; "" if there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1].strip()[-MAX_SAID:]) if lines else ""
