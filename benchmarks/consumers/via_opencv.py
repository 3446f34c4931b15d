"""OpenCV's dnn module, given the bytes of an image as the file wants them: NHWC."""

from __future__ import annotations

from pathlib import Path

import cv2
from consumers.answer import Images


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    net = cv2.dnn.readNet(str(path))
    found = []
    for pixels in images.pixels:
        net.setInput(pixels[None])
        found.append(int(net.forward()[0].argmax()))
    return found
