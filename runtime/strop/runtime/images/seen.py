"""Which part of a picture a model's input shows, and where a place in one is in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from strop.runtime.artifact.contract import Contract, PadPlace, ResizeRule
from strop.runtime.records.light_dataclass import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places: TypeAlias = NDArray[np.float64]

Box = tuple[float, float, float, float]  # left, top, right, bottom, in the picture's own pixels
Inside = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the input


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A picture as a model's input.

    Attributes:
        pixels: uint8 [height, width, channels].
        size: Width and height of the picture, upright, before it was resized.
        box: What of the picture the pixels show; of a picture that is padded it is larger than the
            picture, and begins below 0.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    box: Box


def to_picture(shares: Places, box: Box) -> Places:
    """Find in a picture what is in the input.

    Args:
        shares: float64 [..., 2], x and y in shares of the input's sides, 0 at the left and upper
            edge, 1 at the right and lower one.
        box: Of a `Seen`.

    Returns:
        float64 [..., 2], x and y in the picture's own pixels; the middle of the first one is 0.5.
    """
    left, top, right, bottom = box
    return np.asarray(shares, np.float64) * (right - left, bottom - top) + (left, top)


def to_input(places: Places, box: Box) -> Places:
    """Find in the input what is in a picture: the inverse of `to_picture`."""
    left, top, right, bottom = box
    return (np.asarray(places, np.float64) - (left, top)) / (right - left, bottom - top)


def seen_box(size: tuple[int, int], contract: Contract) -> Box:
    """The part of an image that becomes the contract's; of a padded one more than all of it.

    Args:
        size: Width and height of the image, upright.
        contract: Gives size and resize rule.
    """
    inside = place_inside(size, contract)
    if inside is not None:
        return _padded_box(size, contract, inside)
    if contract.resize is ResizeRule.STRETCH:
        return (0.0, 0.0, float(size[0]), float(size[1]))
    return crop_box(size, contract)


def place_inside(size: tuple[int, int], contract: Contract) -> Inside | None:
    """The place of a whole image in the contract's input; None where it fills it.

    Its longer side, by the input's aspect, is the input's; the other is rounded to pixels, and an
    odd pixel of padding is right or below.
    """
    if contract.resize is not ResizeRule.LETTERBOX:
        return None
    (width, height), (whole, high) = size, (contract.width, contract.height)
    scale = min(whole / width, high / height)
    sides = min(whole, max(1, round(width * scale))), min(high, max(1, round(height * scale)))
    left, top = (whole - sides[0]) // 2, (high - sides[1]) // 2
    if contract.pad_place is PadPlace.CORNER:
        left = top = 0
    return left, top, left + sides[0], top + sides[1]


def _padded_box(size: tuple[int, int], contract: Contract, inside: Inside) -> Box:
    left, top, right, bottom = inside
    x, y = size[0] / (right - left), size[1] / (bottom - top)
    return -left * x, -top * y, (contract.width - left) * x, (contract.height - top) * y


def crop_box(size: tuple[int, int], contract: Contract) -> Box:
    """The part of the image that the resized crop shows.

    Source: torchvision.transforms.Resize and CenterCrop, whose rounding this repeats.
    """
    width, height = size
    fit_width = max(contract.width, round(contract.width / contract.crop_fraction))
    fit_height = max(contract.height, round(contract.height / contract.crop_fraction))
    if width * fit_height <= height * fit_width:
        to_width, to_height = fit_width, max(fit_height, fit_width * height // width)
    else:
        to_width, to_height = max(fit_width, fit_height * width // height), fit_height
    left = round((to_width - contract.width) / 2)
    top = round((to_height - contract.height) / 2)
    x, y = width / to_width, height / to_height
    return (
        left * x,
        top * y,
        min(width, (left + contract.width) * x),
        min(height, (top + contract.height) * y),
    )
