"""Chooses the images that steps are judged by, and others that set none of their numbers."""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import Array
from strop.export.passes.fold import MAX_PIXEL

# Of the other images: their activations reach further, as those of some images in use will.
CONTRAST = 1.25


def judging_images(images: Array, *, most_pixels: int, most_images: int) -> tuple[Array, Array]:
    """Choose the images that ranges are found by, and others.

    Args:
        images: uint8 [N, H, W, C].
        most_pixels: Of either, but for one image at least.
        most_images: Of either.

    Returns:
        Images that are evenly taken out; as many of those between them as `other_images`, or of
        the same where there are none between.
    """
    height, width = images.shape[1:3]
    most = min(max(most_pixels // (height * width), 1), most_images)
    step = -(-len(images) // most)
    return images[::step], other_images(images[step // 2 :: step])


def other_images(images: Array) -> Array:
    """Mirror images and raise their contrast: uint8 [N, H, W, C].

    They are of the same kind as those that were given, and no pixel is where it was.
    """
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    moved = (images[:, :, ::-1] - mean) * CONTRAST + mean
    other: Array = np.rint(moved).clip(0, MAX_PIXEL).astype(np.uint8)
    return other
