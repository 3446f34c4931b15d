"""What is subtracted from the pixels in front of a model, and what they are divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strop.export.ir.picture import PictureFile
from strop.runtime.errors import SourceError

Normalization = float | Sequence[float] | None
"""One number, one per channel, or None: 0 as a mean, 1 as a standard deviation."""


def per_channel(
    mean: Normalization, std: Normalization, channels: int, *, where: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, in 0..255 units.

    Raises:
        SourceError: Another number of them than of channels, not finite, or a deviation that is
            not above 0; `where` names the model.
    """
    means = _per_channel("mean", mean, 0.0, channels, where)
    stds = _per_channel("std", std, 1.0, channels, where)
    if min(stds) <= 0:
        raise SourceError(f"{where}: std is {list(stds)}; every value must be > 0")
    return means, stds


def of_picture(
    file: PictureFile, mean: Normalization, std: Normalization
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what stands in front of another program's file, as `per_channel` does.

    Raises:
        SourceError: As `per_channel`; or the file takes bytes, which nothing can stand in front of.
    """
    means, stds = per_channel(mean, std, file.channels, where=str(file.path))
    if file.takes_bytes and not is_identity(means, stds):
        raise SourceError(
            f"{file.path}: its input is uint8, the pixels as they are; leave out --mean and --std"
        )
    return means, stds


def is_identity(mean: Sequence[float], std: Sequence[float]) -> bool:
    """Whether pixels stay as they are."""
    return not any(mean) and set(std) == {1.0}


def _per_channel(
    what: str, value: Normalization, default: float, channels: int, where: str
) -> tuple[float, ...]:
    if value is None:
        value = default
    values = (value,) if isinstance(value, (int, float)) else tuple(value)
    if len(values) not in (1, channels) or not all(map(math.isfinite, values)):
        raise SourceError(
            f"{where}: {what} is {list(values)}; needed is one finite number, or one for each of"
            f" the {channels} channels, in 0..255 units"
        )
    return tuple(float(v) for v in (values * channels if len(values) == 1 else values))
