"""rpicam-apps' object_classify_tf stage: its checks and its reading, with LiteRT.

It hands over the bytes of the low resolution stream, of which it takes the centre, and reads the
result as bytes, / 255.

Source: github.com/raspberrypi/rpicam-apps, post_processing_stages/tf_stage.cpp and
    object_classify_tf_stage.cpp; commit 072f9c6
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images
from strop.export.consumers.readers.litert_bytes import opened, results

SIDE = 224  # pixels, a constant there
INPUTS = (np.uint8, np.float32)  # float32 is (byte - offset) / scale of its JSON file


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The confidences, float32 [N, classes].

    Raises:
        RuntimeError: In its own words, but for a result that is not bytes: that it does not check.
    """
    _, image, result = opened(path)
    if image["dtype"] not in INPUTS:
        raise RuntimeError("TfStage: Input tensor data type not supported")
    if int(np.prod(image["shape"])) != SIDE * SIDE * 3:
        raise RuntimeError("TfStage: Input tensor size mismatch")
    if images.labels and len(images.labels) != result["shape"][-1]:
        raise RuntimeError("ObjectClassifyTfStage: Label count mismatch")
    if result["dtype"] != np.uint8:
        raise RuntimeError("typed_output_tensor<uint8_t>(0) is a null pointer, and is read")
    if images.pixels is None:
        raise RuntimeError("no frames")
    return np.array([row / 255 for row in results(path, images.pixels)], np.float32)
