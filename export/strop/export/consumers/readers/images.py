"""The images that a reader is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Images:
    """Either pixels or files.

    Attributes:
        pixels: uint8 [N, H, W, channels], RGB, of the input's size; None where the program opens
            the files itself.
        paths: Image files; empty where there are pixels.
        labels: One per class; empty where they are unknown.
        mean: Per channel, or one; the model's own input is (pixel - mean) / std.
        std: Likewise.
        outputs: Names of the file's outputs, in its order; empty where it has one.
    """

    pixels: NDArray[np.uint8] | None = None
    paths: tuple[Path, ...] = ()
    labels: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    outputs: tuple[str, ...] = ()

    def values(self) -> Iterator[NDArray[np.float32]]:
        """What the model's own input takes, for programs that are given pixels."""
        if self.pixels is None:
            raise ValueError("takes pixels, and files were given")
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        for pixels in self.pixels:
            yield (pixels.astype(np.float32) - mean) / std
