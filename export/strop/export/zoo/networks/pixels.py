"""Inputs of networks that normalize by themselves."""

from __future__ import annotations

from typing import Any

import keras

HALF = 127.5  # of the largest pixel


def pixels_of(shape: tuple[int, int, int]) -> Any:
    """Return an input of pixels 0..255 [N, H, W, 3]."""
    return keras.Input(shape, name="image")


def scaled_pixels(pixels: Any) -> Any:
    """Return pixels in -1..1, as MobileNetV2 takes them."""
    return keras.layers.Rescaling(1 / HALF, -1.0)(pixels)
