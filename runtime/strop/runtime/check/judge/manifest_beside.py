"""Whether an artifact is the file that the manifest beside it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.check.judge.certified import MANIFEST, MAX_MANIFEST_BYTES
from strop.runtime.errors import ContractError
from strop.runtime.records.json_reader import parse_json
from strop.runtime.records.user_files import read_file

SHOWN = 12  # digits of a hash that tell two files apart


def difference_from_manifest(artifact: Path) -> str:
    """Say that the manifest beside an artifact describes another file of its name.

    The file is hashed only where a manifest names it.

    Returns:
        One line; empty where there is no manifest of ours, where it does not name the file,
        and where it is the same.

    Raises:
        ArtifactError: The file is missing or unreadable.
    """
    path = artifact.parent / MANIFEST
    described = _hashes(path, artifact.name)
    sha256 = sha256_file(artifact) if described else ""
    if not described or sha256 in described:
        return ""
    return (
        f"{artifact}: not the file that {path} describes (SHA-256 {sha256[:SHOWN]} found,"
        f" {described[0][:SHOWN]} there), so its certificate does not hold here; copy both from one"
        " export"
    )


def _hashes(manifest: Path, name: str) -> list[str]:
    """What the manifest has for files of this name; a manifest of another program has none."""
    try:
        content = read_file(manifest, max_bytes=MAX_MANIFEST_BYTES, error=ContractError, remedy="")
        record: Any = parse_json(content, where=name, error=ContractError, remedy="")
        return [str(each["sha256"]) for each in record["artifacts"] if each["file"] == name]
    except (ContractError, LookupError, TypeError):
        return []
