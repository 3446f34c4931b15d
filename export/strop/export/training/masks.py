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
from strop.runtime.classify.class_map import UNSEEN
from strop.runtime.errors import ImageError
from strop.runtime.images.load import upright_size
from strop.runtime.images.masks import read_mask
from strop.runtime.images.seen import Box, seen_box

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
        maps: uint8 [N, H, W]; UNSEEN where nothing is known.
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
    """Read masks at the input's size; a pixel has the class of the nearest one.

    Args:
        masks: Files.
        images: Whose masks they are.
        contract: Size and resize rule.
        labels: Of the classes.

    Raises:
        ImageError: One cannot be read, is of another size than its image, or has a value that is
            no class.
    """
    for path, image in zip(masks, images, strict=True):
        mask = read_mask(path)
        size = upright_size(image)
        rows, columns = mask.shape
        if (columns, rows) != size:
            raise ImageError(
                f"{path}: {columns} x {rows} pixels, and {image.name} has"
                f" {size[0]} x {size[1]}; needed is a mask of the image's own size"
            )
        unknown = mask[(mask >= len(labels)) & (mask != UNSEEN)]
        if len(unknown):
            raise ImageError(
                f"{path}: a pixel of class {unknown[0]}, and there are {len(labels)} labels; needed"
                f" are 0 to {len(labels) - 1}, and {UNSEEN} where nothing is known"
            )
        yield _seen_of(mask, seen_box(size, contract), contract)


def _seen_of(mask: Bytes, box: Box, contract: Contract) -> Bytes:
    """Return what the input shows of a mask; what lies around it is UNSEEN."""
    left, top, right, bottom = box
    rows = np.floor(top + (np.arange(contract.height) + 0.5) / contract.height * (bottom - top))
    columns = np.floor(left + (np.arange(contract.width) + 0.5) / contract.width * (right - left))
    at = np.ix_(rows.astype(np.intp) + 1, columns.astype(np.intp) + 1)
    inside = tuple(one.clip(0, side + 1) for one, side in zip(at, mask.shape, strict=True))
    found: Bytes = np.pad(mask, 1, constant_values=UNSEEN)[inside]
    return found
