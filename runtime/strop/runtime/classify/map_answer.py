"""The answer of a SEGMENT task: a class for each pixel, and where in the picture it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strop.runtime.artifact.contract import Contract
from strop.runtime.classify.class_map import UNSEEN, class_map, shares
from strop.runtime.classify.map_rule import WHOLE_NUMBERS, map_classes, map_shape
from strop.runtime.engines.engine import Array, TensorInfo
from strop.runtime.errors import ContractError
from strop.runtime.images.seen import Seen


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MapAnswer:
    """The class of each pixel.

    Attributes:
        classes: uint8 [h, w], by the model's own pixels; 255, UNSEEN, where it says nothing.
        labels: Names of the classes; empty if they are unknown.
        size: Width and height of the image, upright.
        box: Left, top, right and bottom of what the model saw of it, in whole pixels; of an image
            that was padded it is larger than the image.
    """

    classes: NDArray[np.uint8]
    labels: tuple[str, ...]
    size: tuple[int, int]
    box: tuple[int, int, int, int]

    def shares(self) -> Mapping[str, float]:
        """Return the share of each class of what the model saw, by name, the largest first."""
        found = sorted(shares(self.classes).items(), key=lambda pair: -pair[1])
        return {self.name(place): share for place, share in found}

    def name(self, place: int) -> str:
        """Return the label of a class, or its number where there are none."""
        return self.labels[place] if self.labels else str(place)

    def unseen(self) -> float:
        """Return the share of the image that the model did not see."""
        left, top, right, bottom = self.box
        width, height = self.size
        seen = (min(right, width) - max(left, 0)) * (min(bottom, height) - max(top, 0))
        return 1 - seen / (width * height)

    def in_image(self) -> NDArray[np.uint8]:
        """Return the classes by the image's own pixels, uint8 [H, W]: each has the nearest one.

        UNSEEN is outside of what the model saw.
        """
        import PIL.Image  # strop.runtime is imported without Pillow

        left, top, right, bottom = self.box
        small = PIL.Image.fromarray(self.classes)
        large = small.resize((right - left, bottom - top), PIL.Image.Resampling.NEAREST)
        if large.size == self.size:
            return np.asarray(large)
        found = PIL.Image.new("L", self.size, UNSEEN)
        found.paste(large, (left, top))
        return np.asarray(found)


def map_answer(
    raw: Array, info: TensorInfo, contract: Contract, seen: Seen, *, where: str
) -> MapAnswer:
    """Make the answer to an image of what the artifact returns for it.

    Args:
        raw: As for `class_map`.
        info: Of the output.
        contract: Of the artifact.
        seen: The image as the model saw it.
        where: Named in errors.

    Raises:
        ArtifactError, ContractError: As `class_map`, or a class has no label.
    """
    found = class_map(raw, info, contract, where=where)
    labels = map_labels(contract)
    highest = int(found.max())
    if labels and highest >= len(labels):
        raise ContractError(
            f"{where}: a pixel is of class {highest}, and there are {len(labels)} labels; give one"
            " per class, the background's too"
        )
    return MapAnswer(
        classes=_without_padding(found, seen), labels=labels, size=seen.size, box=_whole(seen)
    )


def _whole(seen: Seen) -> tuple[int, int, int, int]:
    """Round a box to pixels, one at least."""
    left, top, right, bottom = map(round, seen.box)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _without_padding(classes: NDArray[np.uint8], seen: Seen) -> NDArray[np.uint8]:
    """Return a map that says nothing of what is not in the image."""
    left, top, right, bottom = seen.box
    width, height = seen.size
    if min(left, top) >= 0 and right <= width and bottom <= height:
        return classes
    rows, columns = classes.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    is_inside = ((y >= 0) & (y < height))[:, None] & (x >= 0) & (x < width)
    return np.where(is_inside, classes, np.uint8(UNSEEN))


def map_labels(contract: Contract) -> tuple[str, ...]:
    """Return names of the classes; an only label is that of class 1, as of one score per pixel."""
    found = contract.labels
    return (f"not {found[0]}", *found) if len(found) == 1 else found


def known_classes(contract: Contract, info: TensorInfo) -> int | None:
    """Return how many classes there are; None where neither the output nor labels say it."""
    named = len(map_labels(contract)) or None
    if named is not None or len(info.shape) != 4 or info.dtype in WHOLE_NUMBERS:
        return named
    found = map_classes(map_shape(contract, info.shape)[1:])
    return max(found, 2) if found > 0 else None
