"""Says which part of a picture the network sees, without decoding it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from strop.runtime.artifact.contract import Contract
from strop.runtime.images.load import upright_size
from strop.runtime.images.seen import Seen, seen_box


def seen_of(path: Path, contract: Contract) -> Seen:
    """Find the part of a picture that a contract's input shows; its pixels are none.

    Raises:
        ImageError: It is no picture.
    """
    size = upright_size(path)
    nothing = np.zeros((0, 0, contract.channels), np.uint8)
    return Seen(pixels=nothing, size=size, box=seen_box(size, contract))
