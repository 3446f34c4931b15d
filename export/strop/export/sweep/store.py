"""Keeps the folders of a sweep's members; each is complete, or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from strop.export.sweep.make import Made
from strop.export.sweep.members import Member
from strop.export.sweep.record import MEMBER, MEMBER_RECORD, Asked, MemberRecord
from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.errors import OutputError

SWEEP = "sweep.json"
PARTIAL = ".partial-"


def require_sweep_folder(folder: Path) -> None:
    """Pass a folder that is free, or holds a sweep.

    Raises:
        OutputError: It holds something else, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(
            f"{folder}: cannot be written ({err.strerror}); choose another place with --output"
        ) from err
    _remove_leftovers(folder)
    has_members = any(folder.glob(f"*/{MEMBER}"))
    if any(folder.iterdir()) and not has_members and not (folder / SWEEP).is_file():
        raise OutputError(
            f"{folder}: holds something, and no sweep; give an empty folder, or the one of an"
            " earlier sweep to go on with it"
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed sweep was about to put there."""
    for leftover in folder.glob(f".*{PARTIAL}*"):
        pid = leftover.name.rpartition("-")[2]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            shutil.rmtree(leftover, ignore_errors=True)


def finished(folder: Path, member: Member, asked: Asked) -> MemberRecord | None:
    """Read the record of a member that was made before with the same options; else None.

    Raises:
        OutputError: Its folder is somebody else's.
        MeasurementError: Its record is of another version of strop, or damaged.
    """
    place = folder / member.name
    if not os.path.lexists(place):
        return None
    if not (place / MEMBER).is_file():
        raise OutputError(
            f"{place}: is there, and has no {MEMBER}, so no sweep wrote it; move it away"
        )
    record = MEMBER_RECORD.read(place / MEMBER)
    if record.error is not None or (record.member, record.asked) != (member, asked):
        return None
    for artifact in record.artifacts:
        path = place / _plain(artifact.file)
        if not path.is_file() or sha256_file(path) != artifact.sha256:
            return None
    return record


def put(folder: Path, made: Made) -> None:
    """Write a member's folder, its record last, over what an earlier sweep left there.

    Raises:
        OutputError: It cannot be written, or a file of it has no plain name.
    """
    place = folder / made.record.member.name
    partial = place.with_name(f".{place.name}{PARTIAL}{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for name, content in made.files:
            (partial / _plain(name)).write_bytes(content)
        (partial / MEMBER).write_text(MEMBER_RECORD.dumps(made.record), encoding="utf-8")
        if place.exists():
            shutil.rmtree(place)
        partial.rename(place)
    except OSError as err:
        raise OutputError(f"{place}: cannot be written ({err.strerror}); make room") from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _plain(name: str) -> str:
    """Pass a plain file name: records and workers may be a stranger's."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise OutputError(f"{name!r}: not a plain file name; whoever made this is no strop")
    return name
