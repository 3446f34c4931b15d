"""Landmarks on the MobileNets of Keras: numbers behind a mean over the last map."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from strop.export.zoo.networks.pixels import pixels_of, scaled_pixels

POINTS = "points"  # the output's name


def landmarks(
    build: Any, *, input_shape: tuple[int, int, int], classes: int, alpha: float = 1.0
) -> Any:
    """Landmarks on a MobileNet.

    Args:
        build: Of keras.applications; takes an input tensor of pixels 0..255.
        input_shape: Of the input.
        classes: How many points there are.
        alpha: Width multiplier of the backbone.

    Returns:
        A keras.Model: pixels 0..255 [N, H, W, 3] to x, y of each point [N, 2 * classes], in shares
        of the input's width and height.
    """
    pixels = pixels_of(input_shape)
    backbone = build(input_tensor=pixels, alpha=alpha, include_top=False, weights=None)
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(pixels, keras.layers.Dense(2 * classes, name=POINTS)(x))


def _v2(input_tensor: Any, **settings: Any) -> Any:
    return keras.applications.MobileNetV2(input_tensor=scaled_pixels(input_tensor), **settings)


landmarks_v2 = partial(landmarks, _v2)
landmarks_v3_large = partial(landmarks, keras.applications.MobileNetV3Large)
