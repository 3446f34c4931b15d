"""Lists the ways in which pixels are commonly normalized for models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strop.export.ir.graph import Array
from strop.export.source.source import Source

# torchvision's preprocessing of ImageNet's photographs, times 255.
TORCH_MEAN, TORCH_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Caffe's, in keras.applications.imagenet_utils: subtracted from BGR; here in RGB's order.
CAFFE_MEAN = (123.68, 116.779, 103.939)
CLOSE = 0.02  # relative; numbers that differ by less are the same, rounded otherwise
REVERSE = (
    "reverse the input channels of the model's first convolution, and of a normalization before"
    " it, and save it again: strop gives RGB"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How pixels become what a model sees.

    Attributes:
        name: As a formula of `pixel`.
        mean: Per channel in RGB's order, 0..255 units.
        std: Likewise, > 0.
        is_reversed: Whether the channels are given as BGR, after `mean` and `std`.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_reversed: bool = False

    def steps_from(self, given: Reading) -> str:
        """What to do so that a model that is given `given` is given this instead."""
        is_plain = not any(self.mean) and set(self.std) == {1.0}
        flags = f"pass --mean {_joined(self.mean)} --std {_joined(self.std)}"
        steps = ["leave out --mean and --std" if is_plain else flags]
        if (self.mean, self.std) == (given.mean, given.std):
            steps = []
        if self.is_reversed:
            steps.append(REVERSE)
        return "; ".join(steps)

    def reversed(self) -> Reading:
        """The same in the other order of channels."""
        name = self.name.removesuffix(", BGR") if self.is_reversed else f"{self.name}, BGR"
        return Reading(name=name, mean=self.mean, std=self.std, is_reversed=not self.is_reversed)

    def pixels_for(self, source: Source, images: Array) -> Array:
        """What `source.forward` must be given so that the model inside sees this reading.

        Args:
            source: It applies its own mean and std to what it is given.
            images: uint8 [N, H, W, channels], RGB.

        Returns:
            float32 [N, H, W, channels]; not within 0..255.
        """
        seen: Array = (images - _float32(self.mean)) / _float32(self.std)
        if self.is_reversed:
            seen = seen[..., ::-1]
        pixels: Array = seen * _float32(source.std) + _float32(source.mean)
        return pixels


def given_reading(source: Source) -> Reading:
    """How the source reads pixels as it is."""
    return Reading(name=_formula(source.mean, source.std), mean=source.mean, std=source.std)


def other_readings(source: Source, *, is_grey: bool) -> tuple[Reading, ...]:
    """The usual ones that differ from the given one; orders of channels only where they matter.

    Args:
        source: The model.
        is_grey: Whether the images have one channel, or three that are the same.
    """
    channels = source.channels
    spreads = [(0.0, 1.0), (0.0, 255.0), (127.5, 127.5)]
    usual = [((mean,) * channels, (std,) * channels) for mean, std in spreads]
    if channels == len(TORCH_MEAN):
        usual += [(TORCH_MEAN, TORCH_STD), (CAFFE_MEAN, (1.0,) * channels)]
    given = given_reading(source)
    found = [
        Reading(name=_formula(mean, std), mean=mean, std=std)
        for mean, std in usual
        if not _is_about(mean, given.mean) or not _is_about(std, given.std)
    ]
    if is_grey:
        return tuple(found)
    # Caffe's mean goes with BGR.
    found = [one.reversed() if one.mean == CAFFE_MEAN else one for one in found]
    return (given.reversed(), *found)


def _float32(values: tuple[float, ...]) -> Array:
    return np.array(values, np.float32)


def _is_about(values: tuple[float, ...], others: tuple[float, ...]) -> bool:
    return bool(np.allclose(values, others, rtol=CLOSE, atol=0))


def _formula(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    shifted = "pixel" if not any(mean) else f"(pixel - {_joined(mean)})"
    return shifted if set(std) == {1.0} else f"{shifted} / {_joined(std)}"


def _joined(values: tuple[float, ...]) -> str:
    """One number where all channels have the same."""
    shown = values[:1] if len(set(values)) == 1 else values
    return ",".join(f"{value:g}" for value in shown)
