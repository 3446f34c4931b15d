"""Tells a model card as strop wrote it from one that people have edited."""

from __future__ import annotations

import hashlib
from pathlib import Path

from strop.runtime.errors import ArtifactError
from strop.runtime.records.json_reader import MAX_BYTES
from strop.runtime.records.user_files import read_file

CARD = "README.md"
SEAL = "<!-- as strop card wrote it: SHA-256 of all above is {} -->\n"  # Markdown shows no comment


def sealed(text: str) -> str:
    """Put a checksum of the text below it."""
    return text + _seal(text.encode()).decode()


def is_as_written(path: Path) -> bool:
    """Whether a file is a card that nobody has changed since `sealed` made its text."""
    try:
        content = read_file(path, max_bytes=MAX_BYTES, error=ArtifactError, remedy="")
    except ArtifactError:
        return False
    end = len(content) - len(_seal(b""))
    return end > 0 and content[end:] == _seal(content[:end])


def _seal(text: bytes) -> bytes:
    return SEAL.format(hashlib.sha256(text).hexdigest()).encode()
