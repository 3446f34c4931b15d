"""Runs in a consumer's own environment: prints what it answers for one file.

    python -m consumers.answer MODULE FILE IMAGES.npz

Needs nothing but NumPy and the consumer. The last line of the output is JSON: `classes`, or
`refused` with the consumer's own words.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_REASON = 300  # characters


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of a run.

    Attributes:
        pixels: uint8 [N, H, W, 3], RGB, as the model wants them.
        paths: The same images as files.
        labels: One per class.
    """

    pixels: NDArray[np.uint8]
    paths: tuple[Path, ...]
    labels: tuple[str, ...]


def reason_of(error: BaseException) -> str:
    """What the consumer said, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]


def main() -> int:
    """Answer, or say why not."""
    name, path, kept = sys.argv[1:]
    with np.load(kept) as arrays:
        images = Images(
            pixels=arrays["pixels"],
            paths=tuple(Path(path) for path in arrays["paths"].tolist()),
            labels=tuple(arrays["labels"].tolist()),
        )
    consumer = import_module(f"consumers.{name}")
    try:
        record: dict[str, object] = {"classes": consumer.classes(Path(path), images)}
    except Exception as err:  # whatever the consumer raises is its answer
        record = {"refused": reason_of(err)}
    sys.stdout.write("\n" + json.dumps(record) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
