"""OpenCV's dnn module, by its usual way: blobFromImage, float and NCHW."""

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
        net.setInput(cv2.dnn.blobFromImage(pixels[..., ::-1], swapRB=True))
        found.append(net.forward()[0])
    return np.stack(found)
