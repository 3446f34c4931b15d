"""Draws boxes with their labels into pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SHARE = 1 / 300  # of the picture's longer side that a line is thick
TEXT_LINES = 6  # lines that a text is high
# Okabe and Ito's colours, which people with any kind of sight tell apart, without black.
COLOURS = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167)),
)
DARK, BRIGHT = (0, 0, 0), (255, 255, 255)
BRIGHT_FROM = 140  # luma of a colour that takes dark text


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnBox:
    """A box as it is drawn.

    Attributes:
        corners: Left, top, right, bottom, in pixels.
        text: Beside it.
        index: Of its class, which chooses the colour.
    """

    corners: tuple[float, float, float, float]
    text: str
    index: int


def draw_boxes(picture: Image.Image, boxes: Sequence[DrawnBox]) -> Image.Image:
    """Draw boxes into a copy of an RGB picture, the last one first."""
    drawn = picture.copy()
    canvas = ImageDraw.Draw(drawn)
    line = _line(drawn)
    for box in reversed(boxes):
        colour = COLOURS[box.index % len(COLOURS)]
        left, top, right, bottom = box.corners
        canvas.rectangle(
            (left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=line
        )
        draw_text(drawn, box)
    return drawn


def _line(picture: Image.Image) -> int:
    """Return how many pixels a line is thick."""
    return max(1, round(max(picture.size) * SHARE))


def draw_text(picture: Image.Image, box: DrawnBox, *, is_inside: bool = False) -> float:
    """Write a box's text into a picture, above the box, or inside where there is no room.

    Returns:
        How many pixels the text is high.
    """
    canvas, colour = ImageDraw.Draw(picture), COLOURS[box.index % len(COLOURS)]
    # The font of Pillow 10.1 and later has any size.
    font = ImageFont.load_default()
    if isinstance(font, ImageFont.FreeTypeFont):
        font = ImageFont.load_default(max(10, _line(picture) * TEXT_LINES))
    text = box.text.encode("latin-1", "replace").decode("latin-1")
    _, _, width, height = canvas.textbbox((0, 0), text, font=font)
    left, top = box.corners[0], box.corners[1]
    above = top - height if top >= height and not is_inside else top
    canvas.rectangle((left, above, left + width + 2, above + height), fill=colour)
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    canvas.text((left + 1, above), text, font=font, fill=DARK if luma >= BRIGHT_FROM else BRIGHT)
    return float(height)
