"""Draws boxes and points of an answer into a picture of any scale."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from strop.runtime.classify.detect_answer import FoundBox
from strop.runtime.classify.landmarks import Landmark
from strop.runtime.images.box_drawing import DrawnBox, draw_boxes
from strop.runtime.images.point_drawing import DrawnPoint, draw_points

Size = tuple[int, int]


def with_boxes(picture: Image.Image, boxes: Sequence[FoundBox], size: Size) -> Image.Image:
    """Return a copy of an RGB picture with boxes, each with its label and score.

    Args:
        picture: The image of any scale.
        boxes: By the image's own pixels.
        size: Width and height of the image.
    """
    x, y = picture.width / size[0], picture.height / size[1]
    drawn = [
        DrawnBox(
            corners=(
                *(each.x * x, each.y * y),
                *((each.x + each.width) * x, (each.y + each.height) * y),
            ),
            text=f"{each.label} {each.score:.2f}",
            index=each.index,
        )
        for each in boxes
    ]
    return draw_boxes(picture, drawn)


def with_points(picture: Image.Image, points: Sequence[Landmark], size: Size) -> Image.Image:
    """Return a copy of an RGB picture with points; arguments as `with_boxes` has them."""
    x, y = picture.width / size[0], picture.height / size[1]
    drawn = [DrawnPoint(place=(each.x * x, each.y * y), text=each.label) for each in points]
    return draw_points(picture, drawn)
