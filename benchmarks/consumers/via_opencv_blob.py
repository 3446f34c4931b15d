"""OpenCV's dnn module, by its usual way: blobFromImage, float and NCHW."""

from __future__ import annotations

from pathlib import Path

import cv2
from consumers.answer import Images


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image."""
    net = cv2.dnn.readNet(str(path))
    found = []
    for pixels in images.pixels:
        net.setInput(cv2.dnn.blobFromImage(pixels[..., ::-1], swapRB=True))
        found.append(int(net.forward()[0].argmax()))
    return found
