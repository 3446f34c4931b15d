"""PyCoral's classify_image.py: its preprocessing and reading, with LiteRT on the CPU.

Its --input_mean and --input_std are those that `strop export --for coral` prints, the file's own
zero point and 1 / scale: with them PyCoral hands over the bytes as they are.

Source: github.com/google-coral/pycoral, examples/classify_image.py, commit b084291;
    pycoral/adapters/classify.py, `get_scores`
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.litert_bytes import Pixels, opened, results


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores, float32 [N, classes].

    Raises:
        ValueError: In its own words.
    """
    _, image, result = opened(path)
    if image["dtype"] != np.uint8:
        raise ValueError("Only support uint8 input type.")
    _, height, width, _ = image["shape"]
    size = (int(width), int(height))
    pixels = images.pixels
    found = results(path, (_loaded(p, size) for p in images.paths) if pixels is None else pixels)
    if not np.issubdtype(result["dtype"], np.integer):
        return np.array([row.ravel() for row in found], np.float32)
    scale, zero_point = result["quantization"]
    rows = [scale * (row.ravel().astype(np.int64) - zero_point) for row in found]
    return np.array(rows, np.float32)


def _loaded(path: Path, size: tuple[int, int]) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
