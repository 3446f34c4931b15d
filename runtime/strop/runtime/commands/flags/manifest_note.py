"""Says where an artifact is not the file that the manifest beside it describes."""

from __future__ import annotations

from pathlib import Path

from strop import console
from strop.runtime.check.judge.certified import difference_from_manifest


def note_manifest(artifact: Path) -> None:
    """Print a note if the manifest beside the artifact describes another file of its name."""
    difference = difference_from_manifest(artifact)
    if difference:
        console.note(difference)
