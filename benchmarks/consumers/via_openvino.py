"""OpenVINO reads the .tflite or the .onnx and runs it on the processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images

TYPES = {"i8": "int8", "u8": "uint8", "f32": "float32"}


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """The scores of each image, float32 [N, classes].

    OpenVINO shows a .tflite's input as the type of its codes; int8 codes are byte less 128. Float
    inputs are NHWC.
    """
    core = openvino.Core()
    model = core.compile_model(core.read_model(str(path)), "CPU")
    dtype = TYPES[model.input(0).element_type.get_type_name()]
    shift = 128 if dtype == "int8" else 0
    found = []
    for pixels in images.values():
        (row,) = model((pixels[None] - shift).astype(dtype)).values()
        found.append(row[0])
    return np.stack(found)
