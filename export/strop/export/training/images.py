"""Finds the images of a training, splits them, and decodes them once."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.training.boxes import BoxLists
from strop.export.training.masks import MaskFiles
from strop.export.training.targets import Targets
from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ImageError, OutputError, SourceError
from strop.runtime.images.dataset import (
    LabelledImage,
    labelled_images,
    list_images,
    pixels_in_order,
)

Bytes = NDArray[np.uint8]
MIN_IMAGES = 2  # of a class: one to learn from, one to be tested on
Progress = Callable[[Iterable[Bytes], int, str], Iterator[Bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Files and their answers.

    Attributes:
        labels: One per class; empty where classes are not learned.
        training: What is learned from.
        validation: What is never learned from; it chooses the best epoch.
        targets: For the heads that take labels or numbers from a table.
        masks: For a network that gives maps of classes.
        boxes: For a detector.
    """

    labels: tuple[str, ...]
    training: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]
    targets: tuple[Targets, ...] = ()
    masks: MaskFiles | None = None
    boxes: BoxLists | None = None

    def counts(self) -> tuple[int, ...]:
        """Training images of each class; of all images where classes are not learned."""
        if not self.labels:
            return (len(self.training),)
        found = Counter(image.class_index for image in self.training)
        return tuple(found[index] for index in range(len(self.labels)))

    def fingerprint(self) -> str:
        """SHA-256 of the files' names, sizes and answers, in hex."""
        digest = hashlib.sha256()
        for image in (*self.training, *self.validation):
            about = (os.fspath(image.path), image.path.stat().st_size, image.class_index)
            digest.update(repr(about).encode())
        for targets in self.targets:
            digest.update(repr(targets).encode())
        if self.masks is not None:
            digest.update(self.masks.fingerprint())
        if self.boxes is not None:
            digest.update(self.boxes.fingerprint())
        return digest.hexdigest()


def find_images(
    folder: Path,
    *,
    validation: Path | None,
    validation_share: float,
    labels: Sequence[str] | None,
    seed: int,
) -> Images:
    """Find the images of a training of classes, and split them.

    Args:
        folder: With one subfolder per class.
        validation: A folder of the same form; None takes a share of the first.
        validation_share: Of every class, where there is no such folder; at least one image.
        labels: In the order of the scores; None takes the subfolders' names, sorted.
        seed: Of which images the share has.

    Raises:
        ImageError: A folder cannot be used, or a class has too few images.
    """
    if labels is None:
        inside = (path.relative_to(folder) for path in list_images(folder))
        labels = sorted({path.parts[0] for path in inside if len(path.parts) > 1})
    found = labelled_images(folder, labels)
    of_class = Counter(image.class_index for image in found)
    least = 1 if validation is not None else MIN_IMAGES
    few = [label for index, label in enumerate(labels) if of_class[index] < least]
    if few:
        raise ImageError(
            f"{folder}: {of_class[list(labels).index(few[0])]} images of {few[0]!r}"
            f"{f' (and {len(few) - 1} classes more have too few)' if len(few) > 1 else ''};"
            f" needed are {least} or more of each label"
        )
    if len(labels) < 2:
        raise ImageError(
            f"{folder}: one class, {labels[0]!r}; needed are subfolders of two or more"
        )
    if validation is not None:
        tested = labelled_images(validation, labels)
        return Images(labels=tuple(labels), training=found, validation=tested)
    draw = np.random.default_rng(seed)
    same = (
        [image for image in found if image.class_index == index] for index in range(len(labels))
    )
    parts = [_split(images, validation_share, draw) for images in same]
    kept, shared = (
        tuple(image for part in half for image in part) for half in zip(*parts, strict=True)
    )
    return Images(labels=tuple(labels), training=kept, validation=shared)


def find_images_without_classes(
    folder: Path, *, validation: Path | None, validation_share: float, seed: int
) -> Images:
    """Find the images of a training whose answers are in tables alone, and split them.

    Args:
        folder: Of the images, wherever they lie in it.
        validation: Of other images; None takes a share of the first.
        validation_share: Of all images, where there is no such folder; at least one.
        seed: Of which images the share has.

    Raises:
        ImageError: A folder cannot be used, or has too few images.
    """
    found = [LabelledImage(path=path, class_index=None) for path in list_images(folder)]
    if len(found) < MIN_IMAGES:
        raise ImageError(f"{folder}: {len(found)} image; needed are {MIN_IMAGES} or more")
    if validation is not None:
        tested = tuple(
            LabelledImage(path=path, class_index=None) for path in list_images(validation)
        )
        return Images(labels=(), training=tuple(found), validation=tested)
    kept, shared = _split(found, validation_share, np.random.default_rng(seed))
    return Images(labels=(), training=kept, validation=shared)


def _split(
    images: Sequence[LabelledImage], share: float, draw: np.random.Generator
) -> tuple[tuple[LabelledImage, ...], tuple[LabelledImage, ...]]:
    """Draw a share of the images, at least one and not all; first those that are left."""
    count = min(len(images) - 1, max(1, round(share * len(images))))
    chosen = set(draw.permutation(len(images))[:count].tolist())
    return (
        tuple(image for place, image in enumerate(images) if place not in chosen),
        tuple(image for place, image in enumerate(images) if place in chosen),
    )


def decode(
    images: Sequence[LabelledImage], contract: Contract, path: Path, progress: Progress
) -> Bytes:
    """Decode all images, once, into a file that is read as memory.

    Args:
        images: What to decode.
        contract: Size and resize rule.
        path: Of the file; written whole or not at all. One that is there already is of these
            images: its folder is theirs.
        progress: Passes the images on.

    Returns:
        uint8 [N, height, width, channels].

    Raises:
        ImageError: An image cannot be used.
        OutputError: There is no room for the file.
        SourceError: The file that is there has another size.
    """
    shape = (len(images), contract.height, contract.width, contract.channels)
    decoded = pixels_in_order((image.path for image in images), contract)
    return kept(path, shape, progress(decoded, len(images), "decode"))


def kept(path: Path, shape: tuple[int, ...], arrays: Iterable[Bytes]) -> Bytes:
    """Write arrays of bytes into a file that is read as memory, unless it is there already.

    Args:
        path: Of the file; written whole or not at all.
        shape: Of all of them together.
        arrays: One after the other.

    Raises:
        OutputError: There is no room for the file.
        SourceError: The file that is there has another size.
    """
    if not path.exists():
        _write_pixels(path, arrays, shape)
    if path.stat().st_size != math.prod(shape):
        raise SourceError(f"{path}: not these images; give --force to begin anew")
    return np.memmap(path, np.uint8, "r", shape=shape)


def _write_pixels(path: Path, pixels: Iterable[Bytes], shape: tuple[int, ...]) -> None:
    """Write the images one after the other.

    Not into a file that is mapped to memory: where the disk is full, the system ends a
    process that does.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            for image in pixels:
                file.write(np.ascontiguousarray(image).data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as err:
        raise OutputError(
            f"{path.parent}: {err.strerror}; {math.prod(shape) / 2**20:.0f} MiB of decoded images"
            " are kept there while training: make room, or choose another place with --output"
        ) from err
    finally:
        partial.unlink(missing_ok=True)
