"""Takes an image that is an array already, such as a camera's frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from strop.runtime.artifact.contract import Contract
from strop.runtime.errors import ImageError
from strop.runtime.images.seen import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_array(array: NDArray[np.uint8], contract: Contract) -> NDArray[np.uint8]:
    """The pixels of `seen_array`."""
    return seen_array(array, contract).pixels


def seen_array(array: NDArray[np.uint8], contract: Contract) -> Seen:
    """The array as the contract's pixels, by the same resize rule as for files.

    Args:
        array: uint8 [H, W, channels], or [H, W] where the contract is grey; any size.
        contract: Gives size, channels and resize rule.

    Returns:
        Its pixels are the array itself, not a copy, where the size fits; all of it is seen then.

    Raises:
        ImageError: Another dtype or shape, or no pixels at all.
    """
    needed = f"uint8 [H, W, {contract.channels}]"
    if array.dtype != np.uint8:
        raise ImageError(
            f"the array given: dtype {array.dtype}, needed is {needed} with values 0..255;"
            " convert it with .astype(numpy.uint8)"
        )
    if array.ndim == 2 and contract.channels == 1:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] != contract.channels or not array.size:
        raise ImageError(
            f"the array given: shape {list(array.shape)}, needed is {needed}: one image, channels"
            " last, no batch"
        )
    height, width = array.shape[:2]
    if (height, width) == (contract.height, contract.width):
        return Seen(pixels=array, size=(width, height), box=(0.0, 0.0, float(width), float(height)))
    # Pillow takes as long to import as all of strop, and 5 MiB; frames that fit need none.
    from strop.runtime.images.load import resize_array

    return resize_array(array, contract)
