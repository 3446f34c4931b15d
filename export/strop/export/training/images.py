"""Finds the images of a training, splits them, decodes them once, and makes batches."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from strop.export.training.recipe import Augment, Recipe
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
SHIFT_SHARE = 12  # of the side, at most one of so many
Progress = Callable[[Iterable[Bytes], int, str], Iterator[Bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Files and their classes.

    Attributes:
        labels: One per class.
        training: What is learned from.
        validation: What is never learned from; it chooses the best epoch.
    """

    labels: tuple[str, ...]
    training: tuple[LabelledImage, ...]
    validation: tuple[LabelledImage, ...]

    def counts(self) -> dict[str, int]:
        """Training images of each class."""
        found = Counter(image.class_index for image in self.training)
        return {label: found[index] for index, label in enumerate(self.labels)}

    def fingerprint(self) -> str:
        """SHA-256 of the files' names, sizes and classes, in hex."""
        digest = hashlib.sha256()
        for image in (*self.training, *self.validation):
            about = (os.fspath(image.path), image.path.stat().st_size, image.class_index)
            digest.update(repr(about).encode())
        return digest.hexdigest()


def find_images(
    folder: Path,
    *,
    validation: Path | None,
    validation_share: float,
    labels: Sequence[str] | None,
    seed: int,
) -> Images:
    """Find the images of a training, and split them.

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
    kept: list[LabelledImage] = []
    tested_share: list[LabelledImage] = []
    for index in range(len(labels)):
        same = [image for image in found if image.class_index == index]
        count = min(len(same) - 1, max(1, round(validation_share * len(same))))
        chosen = set(draw.permutation(len(same))[:count].tolist())
        for place, image in enumerate(same):
            (tested_share if place in chosen else kept).append(image)
    return Images(labels=tuple(labels), training=tuple(kept), validation=tuple(tested_share))


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
    if not path.exists():
        decoded = pixels_in_order((image.path for image in images), contract)
        _write_pixels(path, progress(decoded, len(images), "decode"), shape)
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


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch; seed and epoch decide the order and the augmentation."""

    def __init__(
        self, pixels: Bytes, truth: NDArray[np.intp], recipe: Recipe, *, classes: int, epoch: int
    ) -> None:
        super().__init__()
        self._pixels, self._recipe, self._epoch = pixels, recipe, epoch
        self._answers = np.eye(classes, dtype=np.float32)[truth]
        self._order = np.random.default_rng([recipe.seed, epoch]).permutation(len(truth))

    def __len__(self) -> int:
        # A last batch of one image has no statistics.
        return max(1, len(self._order) // self._recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[Bytes, NDArray[np.float32]]:
        size = self._recipe.batch_size
        chosen = np.sort(self._order[index * size : (index + 1) * size])
        batch = np.array(self._pixels[chosen])
        if self._recipe.augment is Augment.LIGHT:
            _augment(batch, np.random.default_rng([self._recipe.seed, self._epoch, index]))
        return batch, self._answers[chosen]


def _augment(batch: Bytes, draw: np.random.Generator) -> None:
    """Mirror half of the images, and shift each; what comes in at the edge repeats it."""
    height, width = batch.shape[1:3]
    rows, columns = height // SHIFT_SHARE, width // SHIFT_SHARE
    down = draw.integers(-rows, rows + 1, len(batch))
    right = draw.integers(-columns, columns + 1, len(batch))
    mirrored = draw.random(len(batch)) < 0.5
    for number, (dy, dx, mirror) in enumerate(zip(down, right, mirrored, strict=True)):
        from_rows = np.clip(np.arange(height) - dy, 0, height - 1)
        from_columns = np.clip(np.arange(width) - dx, 0, width - 1)
        if mirror:
            from_columns = from_columns[::-1]
        batch[number] = batch[number][from_rows[:, np.newaxis], from_columns]
