"""The images that a reader is asked about."""

from __future__ import annotations

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
    """

    pixels: NDArray[np.uint8] | None = None
    paths: tuple[Path, ...] = ()
    labels: tuple[str, ...] = ()
