"""Put everything that an export made into its folder at once, or nothing."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strop.export.bundle.card_seal import CARD, is_as_written
from strop.runtime.check.judge.certified import MANIFEST
from strop.runtime.errors import ArtifactError, OutputError
from strop.runtime.evidence.ssh_signature import SUFFIX
from strop.runtime.records.folder_lock import alone, is_held
from strop.runtime.records.json_reader import MAX_BYTES, parse_object
from strop.runtime.records.user_files import read_file

REPORT = "report.html"
PARTIAL = ".partial-"
REPLACED = ".replaced-"


@contextmanager
def bundle(folder: Path, *, force: bool) -> Iterator[Path]:
    """Give a folder to write into, which becomes `folder` when the block ends well.

    It lies beside `folder`, so that the last step is one rename. If the block raises, or
    the process is killed, `folder` is as it was.

    Args:
        folder: Where the bundle is to be.
        force: Replace a bundle that is there. A folder that holds anything else than
            what its manifest names, its report, and a card as strop wrote it is never replaced.

    Yields:
        The folder to write into, empty.

    Raises:
        OutputError: `folder` exists and may not be replaced, another export is writing it,
            or it cannot be written.
    """
    check_replaceable(folder, force=force)
    partial = folder.with_name(f".{folder.name}{PARTIAL}{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        partial.mkdir()
    except OSError as err:
        raise OutputError(
            f"{folder}: cannot be written ({err.strerror}); choose another place with --output"
        ) from err
    try:
        with alone(partial, busy=f"{partial}: is held by another process; remove it"):
            _refuse_second(folder, partial)
            yield partial
            # What came there meanwhile is somebody else's.
            check_replaceable(folder, force=force)
            _swap(partial, folder)
    except OSError as err:
        raise OutputError(
            f"{folder}: cannot be written ({err.strerror}); nothing was changed there"
        ) from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_second(folder: Path, partial: Path) -> None:
    for other in folder.parent.glob(f".{glob.escape(folder.name)}{PARTIAL}*"):
        if other != partial and is_held(other):
            raise OutputError(
                f"{folder}: another export is writing it (process"
                f" {other.name.rpartition('-')[2]}); wait for it, or choose another --output"
            )


def check_replaceable(folder: Path, *, force: bool) -> None:
    """Raise unless `folder` is free, or a bundle and `force` is set."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: is a file; --output is the folder for the artifacts")
    present = _content(folder)
    if not present:
        return
    if not force:
        raise OutputError(
            f"{folder}: exists already; add --force to replace it, or choose another --output"
        )
    cards = {CARD} if is_as_written(folder / CARD) else set()
    foreign = sorted(present - _manifest_files(folder) - cards)
    if foreign:
        raise OutputError(
            f"{folder}: holds {', '.join(foreign[:5])}, which no export wrote there; --force"
            " replaces an export only, so move these away or choose another --output"
        )


def _content(folder: Path) -> set[str]:
    """Return what lies below a folder: files and links, and folders with nothing in them."""
    found = (path for path in folder.rglob("*") if not _holds_something(path))
    return {path.relative_to(folder).as_posix() for path in found}


def _holds_something(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and any(path.iterdir())


def _manifest_files(folder: Path) -> set[str]:
    """Return the names that the manifest in `folder` lists, of any version, and of signatures.

    Without a manifest there are none.
    """
    path = folder / MANIFEST
    try:
        content = read_file(path, max_bytes=MAX_BYTES, error=ArtifactError, remedy="")
        record: Any = parse_object(content, where=MANIFEST, error=ArtifactError, remedy="")
        listed = [*record["artifacts"], record.get("golden") or {"file": MANIFEST}]
        listed += (record.get("consumer") or {"files": []})["files"]
        names = {MANIFEST, REPORT, *(str(file["file"]) for file in listed)}
        return names | {name + SUFFIX for name in names}
    except (ArtifactError, LookupError, TypeError, AttributeError):
        return set()


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed export left beside `folder`; put back what it had moved away."""
    for kind in (PARTIAL, REPLACED):
        for leftover in folder.parent.glob(f".{glob.escape(folder.name)}{kind}*"):
            pid = leftover.name.rpartition("-")[2]
            if not pid.isdigit() or Path("/proc", pid).exists():
                continue
            if kind == REPLACED and not folder.exists():
                leftover.rename(folder)
            else:
                shutil.rmtree(leftover, ignore_errors=True)


def _swap(partial: Path, folder: Path) -> None:
    replaced = folder.with_name(f".{folder.name}{REPLACED}{os.getpid()}")
    was_there = folder.exists()
    if was_there:
        folder.rename(replaced)
    try:
        partial.rename(folder)
    except OSError:
        if was_there:
            replaced.rename(folder)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
