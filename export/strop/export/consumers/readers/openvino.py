"""OpenVINO on the processor.

Source: https://docs.openvino.ai/2025/openvino-workflow/running-inference.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images

# On processors with bfloat16 OpenVINO would compute in it what is not int8.
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
SIGN_BIT = 128  # int8 codes are bytes less this


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, scores], of all outputs."""
    if images.pixels is None:
        raise ValueError("needed are pixels")
    core = openvino.Core()
    model = core.compile_model(core.read_model(str(path)), "CPU", EXACT)
    image = model.input(0)
    has_channels_first = image.partial_shape[1].to_string() in ("1", "3")
    dtype = image.element_type.to_dtype()
    shift = SIGN_BIT if dtype == np.int8 else 0
    found = []
    for pixels in images.pixels:
        ordered = pixels.transpose(2, 0, 1) if has_channels_first else pixels
        tensor = (ordered[None].astype(np.int16) - shift).astype(dtype)
        results = model(np.ascontiguousarray(tensor)).values()
        found.append(np.concatenate([each.reshape(-1).astype(np.float32) for each in results]))
    return np.stack(found)
