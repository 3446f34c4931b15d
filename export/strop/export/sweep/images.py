"""Counts and hashes the images of a sweep before anything is made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.artifact.artifact import sha256_file
from strop.runtime.errors import SourceError
from strop.runtime.images.dataset import is_labelled, labelled_images, list_images


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepImages:
    """The images that members are calibrated and certified with.

    Attributes:
        calibration: How many images.
        validation: How many images.
        is_labelled: Whether true answers are known.
        sha256: Over the contents of all, in their order, and what is true of them, in hex.
    """

    calibration: int
    validation: int
    is_labelled: bool
    sha256: str


def look_through(
    calibration: Path | None,
    validation: Path | None,
    truth: Mapping[str, Path],
    labels: tuple[str, ...],
) -> SweepImages:
    """Count and hash the images.

    Args:
        calibration: Folder of the representative images.
        validation: Folder of the images of the certificates.
        truth: Tables, or folders of masks or boxes, of what is true of these, by the output that
            they are of; none for their subfolders.
        labels: Names of the subfolders; empty if unknown.

    Raises:
        ImageError: A folder cannot be used.
        SourceError: There are no images at all.
    """
    if calibration is None and validation is None:
        raise SourceError(
            "no images: int8 needs --calibration-data, and a certificate --validation-data or"
            " --calibration-data"
        )
    tested = () if validation is None else list_images(validation)
    known = repr({name: _content(path) for name, path in truth.items()}) if truth else None
    if validation is not None and labels and not truth and is_labelled(validation):
        found = labelled_images(validation, labels)
        tested = tuple(image.path for image in found)
        known = repr([image.class_index for image in found])
    elif validation is not None and truth and is_labelled(validation):
        # One of several outputs may have its classes of subfolders.
        known = f"{known}{[path.parent.name for path in tested]}"
    learned = () if calibration is None else list_images(calibration)
    digest = hashlib.sha256(repr(known).encode())
    for path in (*learned, *tested):
        digest.update(bytes.fromhex(sha256_file(path)))
    return SweepImages(
        calibration=len(learned),
        validation=len(tested),
        is_labelled=known is not None,
        sha256=digest.hexdigest(),
    )


def _content(path: Path) -> str | list[tuple[str, str]]:
    """Hash a file, or all files of a folder with their names in it."""
    if not path.is_dir():
        return sha256_file(path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return [(each.relative_to(path).as_posix(), sha256_file(each)) for each in files]
