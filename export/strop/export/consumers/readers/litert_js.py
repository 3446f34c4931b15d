"""LiteRT.js in a page of headless Chromium.

Source: https://ai.google.dev/edge/litert/web
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.chromium import scores_in_page
from strop.export.consumers.readers.images import Images

MODULE = "litert_js.js"
IMPORTS = {
    "@litertjs/core": "./node_modules/@litertjs/core/dist/index.js",
    "@litertjs/wasm-utils": "./node_modules/@litertjs/wasm-utils/dist/index.js",
}


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The result of the page for each image; uint8 codes, whose scale it does not see, over 256."""
    return scores_in_page(MODULE, IMPORTS, path, images.pixels)
