"""Finds the masks of a training's pictures, and reads them once at the input's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.training.moves import Moves
from strop.export.training.truths import Chosen
from strop.runtime.artifact.contract import Contract
from strop.runtime.images.load import upright_size
from strop.runtime.images.masks import as_seen, true_classes

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFiles:
    """The masks of all pictures.

    Attributes:
        labels: Of the classes, the background first.
        training: Of the pictures that are learned from, in their order.
        validation: Of the others.
    """

    labels: tuple[str, ...]
    training: tuple[Path, ...]
    validation: tuple[Path, ...]

    def fingerprint(self) -> bytes:
        """Say in bytes what they are: labels, names and sizes of the files."""
        files = [(str(path), path.stat().st_size) for path in (*self.training, *self.validation)]
        return repr((self.labels, files)).encode()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Masks:
    """The classes of each picture's pixels.

    Attributes:
        maps: uint8 [N, H, W]; VOID where nothing is known.
    """

    maps: Bytes

    def batch(self, chosen: Chosen, moves: Moves | None) -> tuple[NDArray[Any], ...]:
        """Return the maps of the pictures."""
        maps = np.array(self.maps[chosen])
        if moves is not None:
            moves.pictures(maps)
        return (maps,)


def read_masks(
    masks: Sequence[Path], images: Sequence[Path], contract: Contract, labels: Sequence[str]
) -> Iterator[Bytes]:
    """Read masks at the input's size, by `true_classes` and `as_seen`.

    Args:
        masks: Files.
        images: Whose masks they are.
        contract: Size and resize rule.
        labels: Of the classes.

    Raises:
        ImageError: One cannot be read, is of another size than its image, or has a value that is
            no class.
    """
    size = (contract.width, contract.height)
    for path, image in zip(masks, images, strict=True):
        yield as_seen(true_classes(path, upright_size(image), len(labels)), contract, size)
