"""Whether an artifact is the file that the manifest beside it describes."""

from __future__ import annotations

import json
from pathlib import Path

from strop.runtime.check.certified import MANIFEST, MAX_MANIFEST_BYTES

SHOWN = 12  # digits of a hash that tell two files apart


def difference_from_manifest(artifact: Path, sha256: str) -> str:
    """Say that the manifest beside an artifact describes another file of its name.

    Args:
        artifact: The file.
        sha256: Its hash.

    Returns:
        One line; empty where there is no manifest of ours, where it does not name the file,
        and where it is the same.
    """
    path = artifact.parent / MANIFEST
    described = _hashes(path, artifact.name)
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
        with manifest.open("rb") as file:
            record = json.loads(file.read(MAX_MANIFEST_BYTES))
        return [str(each["sha256"]) for each in record["artifacts"] if each["file"] == name]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return []
