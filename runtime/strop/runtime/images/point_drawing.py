"""Draws points into pictures, and words into their corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from strop.runtime.images.box_drawing import COLOURS, DARK, DrawnBox, draw_text

SHARE = 1 / 150  # of the picture's longer side that a point's radius is
MOST_NAMED = 12  # points; the names of more would hide the picture


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnPoint:
    """A point as it is drawn.

    Attributes:
        place: x and y, in pixels.
        text: Beside it.
    """

    place: tuple[float, float]
    text: str


def draw_points(picture: Image.Image, points: Sequence[DrawnPoint]) -> Image.Image:
    """Draw points into a copy of an RGB picture, each in a colour of its own; few with names."""
    drawn = picture.copy()
    canvas = ImageDraw.Draw(drawn)
    radius = max(1.5, max(drawn.size) * SHARE)
    for index, point in enumerate(points):
        x, y = point.place
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=DARK)
        inner = radius * 0.7
        colour = COLOURS[index % len(COLOURS)]
        canvas.ellipse((x - inner, y - inner, x + inner, y + inner), fill=colour)
    if len(points) <= MOST_NAMED:
        for index, point in enumerate(points):
            x, y = point.place
            corner = (x + radius, y - radius, x + radius, y - radius)
            draw_text(drawn, DrawnBox(corners=corner, text=point.text, index=index))
    return drawn


def draw_words(picture: Image.Image, lines: Sequence[str]) -> Image.Image:
    """Write lines into the upper left corner of a copy of an RGB picture."""
    drawn = picture.copy()
    top = 0.0
    for index, line in enumerate(lines):
        box = DrawnBox(corners=(0.0, top, 0.0, top), text=line, index=index)
        top += draw_text(drawn, box, is_inside=True)
    return drawn
