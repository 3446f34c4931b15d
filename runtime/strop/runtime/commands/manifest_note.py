"""Says where an artifact is not the file that the manifest beside it describes."""

from __future__ import annotations

from pathlib import Path

from strop import console
from strop.runtime.manifest_beside import difference_from_manifest


def note_manifest(artifact: Path, sha256: str) -> None:
    """Print a note if the manifest beside the artifact describes another file of its name."""
    difference = difference_from_manifest(artifact, sha256)
    if difference:
        console.note(difference)
