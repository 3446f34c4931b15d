"""Decides what picture a model of another program takes, by the sides of its input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strop.runtime.artifact.contract import MAX_SIDE, Layout
from strop.runtime.errors import SourceError

CHANNELS = (1, 3)
CHANNEL_AXIS = {Layout.NCHW: 1, Layout.NHWC: 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The input of a model, for one image.

    Attributes:
        is_nchw: Whether the picture's channels come before its rows.
        height: In pixels.
        width: In pixels.
        channels: 1 or 3.
    """

    is_nchw: bool
    height: int
    width: int
    channels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureFile(Picture):
    """A vetted file of another program: one picture in, one result out, or several.

    Attributes:
        path: Where it is.
        content: The file's bytes.
        float32_content: What runs: the same in float32, where it keeps weights in fewer bits, and
            with the scores, where it gives classes.
        is_widened: Whether it keeps numbers in fewer bits than float32.
        gives_classes: Whether the last thing that runs gives, behind the outputs that are wanted,
            is the classes that the file makes of an only one, by an argmax.
        has_classes_last: Whether a map's classes come last in a file whose pictures have their
            channels first.
        names: Of the input and of the outputs that are wanted, as the file has them.
        takes_bytes: Whether its input is uint8, which it casts to float itself.
    """

    path: Path
    content: bytes
    float32_content: bytes
    names: tuple[str, ...]
    takes_bytes: bool
    is_widened: bool = False
    gives_classes: bool = False
    has_classes_last: bool = False

    @property
    def sha256(self) -> str:
        """Of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def picture_of(
    sides: Sequence[int | None],
    size: tuple[int, int] | None,
    *,
    usual: Layout,
    where: str,
) -> Picture:
    """Find layout, height, width and channels.

    Args:
        sides: Of the input with the batch; None where one is open.
        size: Height and width in pixels, for a model that leaves them open.
        usual: The layout where both could be meant.
        where: File and input, for the error.

    Raises:
        SourceError: It is no picture, has several images, or the size is missing or does not fit.
    """
    shape = "(" + ", ".join("?" if side is None else str(side) for side in sides) + ")"
    if len(sides) != 4:
        raise SourceError(f"{where} is {shape}; needed is a picture, (N, C, H, W) or (N, H, W, C)")
    if sides[0] not in (None, 1):
        raise SourceError(
            f"{where} is {shape}, its batch fixed to {sides[0]} images; export it with one, or with"
            " an open batch"
        )
    layouts = [layout for layout, axis in CHANNEL_AXIS.items() if sides[axis] in CHANNELS]
    if not layouts:
        raise SourceError(f"{where} is {shape}; pictures have 1 (grey) or 3 (RGB) channels")
    is_nchw = (usual if usual in layouts else layouts[0]) is Layout.NCHW
    channels, rows, columns = sides[1:] if is_nchw else (sides[3], sides[1], sides[2])
    if size is None and None in (rows, columns):
        raise SourceError(
            f"{where} is {shape}, its size left open; pass --size HxW, the size that it was trained"
            " for"
        )
    height, width = size or (rows or 0, columns or 0)
    if rows not in (None, height) or columns not in (None, width):
        raise SourceError(f"{where} is fixed to {shape}, --size is {height}x{width}; leave it out")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise SourceError(f"{where} is {height}x{width}; a side has 1 to {MAX_SIDE} pixels")
    return Picture(is_nchw=is_nchw, height=height, width=width, channels=channels or 0)
