"""Lists the files that the manifest of a bundle names, with the hash of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from strop.runtime.check.judge.certified import MANIFEST, MANIFEST_VERSIONS, MAX_MANIFEST_BYTES
from strop.runtime.errors import ContractError
from strop.runtime.records.json_reader import parse_object
from strop.runtime.records.user_files import read_file

MAX_FILES = 1_000
NEEDED = "needed is a folder that strop export wrote; export again"


def named_files(folder: Path) -> dict[str, str]:
    """Read which files belong to a bundle.

    Returns:
        SHA-256 in hex by the file's name below the folder: artifacts, golden vectors, and what was
        written for another program.

    Raises:
        ContractError: There is no manifest, it is damaged or of a version that is not read, or it
            names a file outside of the folder.
    """
    path = folder / MANIFEST
    content = read_file(path, max_bytes=MAX_MANIFEST_BYTES, error=ContractError, remedy=NEEDED)
    record = parse_object(content, where=str(path), error=ContractError, remedy=NEEDED)
    version = record.get("format_version")
    if version not in MANIFEST_VERSIONS:
        raise ContractError(
            f"{path}: format_version is {version!r:.40}, this strop reads"
            f" {', '.join(map(str, MANIFEST_VERSIONS))}; export again"
        )
    try:
        found = {str(each["file"]): str(each["sha256"]) for each in _entries(record)}
    except (AttributeError, KeyError, TypeError) as err:
        raise ContractError(f"{path}: damaged ({err!r:.200}); {NEEDED}") from err
    if len(found) > MAX_FILES:
        raise ContractError(f"{path}: names {len(found)} files, at most {MAX_FILES}; {NEEDED}")
    for name in found:
        _require_below(name, path)
    return found


def _entries(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from record["artifacts"]
    if record.get("golden") is not None:
        yield record["golden"]
    if record.get("consumer") is not None:  # versions before 7 know no other programs
        yield from record["consumer"]["files"]


def _require_below(name: str, where: Path) -> None:
    parts = PurePosixPath(name).parts
    if not parts or "\0" in name or "\\" in name or name.startswith("/") or ".." in parts:
        raise ContractError(f"{where}: names {name!r:.80}, no file below its folder; {NEEDED}")
