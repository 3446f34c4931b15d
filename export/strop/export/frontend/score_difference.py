"""Decides whether two computations of the same scores differ by more than float rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from strop.export.ir.graph import Array

# Of the scores' spread over the images: a quarter of one of int8's 255 steps over it, so that
# what is below cannot be seen in an int8 file.
MOST_OF_SPREAD = 1e-3
# Of the largest score, for answers that hardly vary: float32 keeps 6e-8, and the sums of a deep
# network lose more. Measured with random weights: MobileNetV2 2e-6, EfficientNet-B0 7e-8.
MOST_OF_SIZE = 2e-5
# Of what the last digit of an image's pixels changes in its scores, for networks that magnify
# rounding: every layer rounds, not the pixels alone. Measured with an EfficientNetV2-B0 of random
# weights, whose answer to noise changes by 0.07: TensorFlow's own two ways differ by 1.5 of it.
MOST_OF_ROUNDING = 8.0
# One draw may hit a direction that the network does not magnify. Three EfficientNet-B0 of random
# weights in ONNX Runtime and in LiteRT differ by more than 8 times what one draw shows on 3.8 % of
# the images, two draws on 1.1 %, four on 0.13 %, eight on none of 51.
ROUNDING_DRAWS = 8
ROUNDING_SEED = 0


def difference_of(expected: Array, found: Array, rounding: Callable[[], Array]) -> str:
    """Describe the difference of two scores beyond float rounding; empty if there is none.

    Args:
        expected: float64 [N, classes].
        found: The same, computed in another way.
        rounding: Measures `rounding_of` the images; called where the difference is not small.
    """
    if expected.shape != found.shape:
        return f"the scores are {found.shape} instead of {expected.shape}"
    if not expected.size:
        return ""
    differences = np.abs(found - expected).max(axis=1)
    spread = float(np.ptp(expected, axis=0).max())
    # Logarithms of probabilities are as exact as numbers about 1.
    size = max(float(np.abs(expected).max()), 1.0)
    limit = MOST_OF_SPREAD * spread + MOST_OF_SIZE * size
    # NaN is no number below the limit.
    if (differences <= limit).all() or (differences <= limit + MOST_OF_ROUNDING * rounding()).all():
        return ""
    difference = float(differences.max())
    return f"scores differ by {difference:.3g}, where they vary by {spread:.3g} over the images"


def rounding_of(scores: Callable[[Array], Array], images: Array) -> Array:
    """Measure how much the last digit of an image's pixels changes in its scores.

    Args:
        scores: From float32 images to float64 [N, classes].
        images: [N, H, W, C], N > 0.

    Returns:
        float64 [N]: the largest change of each image's scores in ROUNDING_DRAWS draws, where every
        pixel is moved by the last digit of the largest one, up or down at random. Black ones
        move too: a normalization in front makes numbers of the largest one's size of them.
    """
    reals = images.astype(np.float32)
    digit = np.spacing(np.abs(reals).max())
    expected, rng = scores(reals), np.random.default_rng(ROUNDING_SEED)
    moved = (reals + rng.choice([-digit, digit], reals.shape) for _ in range(ROUNDING_DRAWS))
    changes: Array = np.max([np.abs(scores(each) - expected).max(axis=1) for each in moved], axis=0)
    return changes
