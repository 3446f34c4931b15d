"""OpenCV's dnn module, from blobFromImage to forward.

Source: https://docs.opencv.org/4.x/d6/d0f/group__dnn.html
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, scores], of all outputs."""
    if images.pixels is None:
        raise ValueError("needed are pixels")
    # OpenCV 5.0 has two engines, of which the new one computes some networks wrongly.
    engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
    net = cv2.dnn.readNetFromONNX(str(path), *engine)
    names = images.outputs or net.getUnconnectedOutLayersNames()
    found = []
    for pixels in images.pixels:
        # As cv2.imread has it: BGR, and a grey image without channels.
        image = np.ascontiguousarray(pixels[..., ::-1]).squeeze()
        net.setInput(cv2.dnn.blobFromImage(image, swapRB=image.ndim == 3))
        results = net.forward(names)
        found.append(np.concatenate([each.reshape(-1).astype(np.float32) for each in results]))
    return np.stack(found)
