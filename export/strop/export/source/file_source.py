"""Makes a Source of a file that another program than TensorFlow runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from strop.export.ir.graph import Array
from strop.export.ir.output_names import distinct
from strop.export.ir.picture import PictureFile
from strop.export.source.normalization import is_identity
from strop.export.source.source import Source, sanitized
from strop.runtime.errors import SourceError

Means = tuple[float, ...]
Shape = tuple[int, ...]


def file_source(
    file: PictureFile,
    run: Callable[[Array], Sequence[Array]],
    *,
    name: str,
    normalization: tuple[Means, Means],
    written: tuple[bytes, tuple[Shape, ...]],
    engine: str,
) -> Source:
    """Put a normalization in front of what runs a file.

    Args:
        file: The user's.
        run: Its own program: float32 [1, C, H, W] or [1, H, W, C], normalized, to its outputs, maps
            with their channels last, and behind them its classes, where it gives these.
        name: What the artifacts are called.
        normalization: Mean and standard deviation per channel, in 0..255 units.
        written: The same function as a float32 .tflite of pixels, and its outputs' shapes without
            the batch.
        engine: What runs it.

    The source raises a SourceError where classes that a file gives are not those of its scores.
    """
    mean, std = normalization
    tflite, shapes = written
    sizes = tuple(map(prod, shapes))

    def results(image: Array) -> Sequence[Array]:
        return _checked(run(image), file) if file.gives_classes else run(image)

    def forward(images: Array) -> Array:
        values: Array = np.asarray(images, np.float32)
        if not is_identity(mean, std):
            values = (values - np.array(mean, np.float32)) / np.array(std, np.float32)
        if file.is_nchw:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        # One by one: a batch that the file leaves open may be fixed further in.
        rows = [_row(results(values[at : at + 1]), sizes) for at in range(len(values))]
        return np.stack(rows) if rows else np.empty((0, sum(sizes)), np.float32)

    return Source(
        name=sanitized(name),
        height=file.height,
        width=file.width,
        channels=file.channels,
        shapes=shapes,
        names=(file.names[0], *distinct(file.names[1:])),
        mean=mean,
        std=std,
        sha256=file.sha256,
        takes_pixels=is_identity(mean, std),
        forward=forward,
        file=file.path,
        tflite=tflite,
        engine=engine,
    )


def _checked(found: Sequence[Array], file: PictureFile) -> Sequence[Array]:
    """Return a map of scores that the file's own classes follow from."""
    scores, classes = found
    if not np.array_equal(scores.argmax(axis=-1).reshape(-1), classes.reshape(-1)):
        raise SourceError(
            f"{file.path}: its argmax gives other classes than the highest of its scores; end the"
            " model in the scores"
        )
    return [scores]


def _row(outputs: Sequence[Array], sizes: Sequence[int]) -> Array:
    """Put the outputs for one picture one behind the other."""
    parts = [found.reshape(size) for found, size in zip(outputs, sizes, strict=True)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
