"""OpenCV's dnn module, given the bytes of an image as the file wants them: NHWC."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes]."""
    net = cv2.dnn.readNet(str(path))
    found = []
    for pixels in [] if images.pixels is None else images.pixels:
        net.setInput(pixels[None])
        found.append(net.forward()[0])
    return np.stack(found)
