"""Finds images that are calibrated on and certified on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file


def overlap(calibration: Sequence[Path], validation: Sequence[Path]) -> tuple[Path, ...]:
    """Validation images whose content is also among the calibration images.

    Ranges chosen on an image fit it, so that such images flatter the certificate.

    Args:
        calibration: Image files.
        validation: Image files.

    Returns:
        Of `validation`, in its order; the same content under another name counts.
    """
    known = {content_hash(path) for path in calibration}
    return tuple(path for path in validation if content_hash(path) in known)


def content_hash(path: Path) -> bytes:
    """SHA-256 of a file."""
    return bytes.fromhex(sha256_file(path))
