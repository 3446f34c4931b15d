"""Runs the float model over batches of images, as its own preprocessing has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from strop.export.ir.graph import Array
from strop.export.source.source import Source
from strop.runtime.errors import SourceError


def float_scores(source: Source) -> Callable[[Array, Sequence[Path]], Array]:
    """Return a function from a batch of images and their files to rows of scores.

    It raises SourceError where scores are NaN or infinite, and names the first file.
    """
    forward = source.compiled()

    def scores(batch: Array, files: Sequence[Path]) -> Array:
        if source.resize is None:
            found = forward(batch)
        else:
            from strop.export.source.whole_images import whole_scores  # loads TensorFlow

            found = whole_scores(source.resize, files, source.channels)
        if not np.isfinite(found).all():
            first = files[int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])]
            raise SourceError(
                f"{source.name}: {first}: the float model itself gives NaN or infinite scores;"
                " check its weights, and --mean and --std"
            )
        return found

    return scores
