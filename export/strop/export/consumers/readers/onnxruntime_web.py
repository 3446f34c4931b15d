"""onnxruntime-web in a page of headless Chromium.

Source: https://onnxruntime.ai/docs/tutorials/web/
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.chromium import scores_in_page
from strop.export.consumers.readers.images import Images

MODULE = "onnxruntime_web.js"
IMPORTS = {"onnxruntime-web": "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs"}


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The result of the page for each image."""
    return scores_in_page(MODULE, IMPORTS, path, images.pixels)
