"""OpenVINO reads the .tflite or the .onnx and runs it on the processor."""

from __future__ import annotations

from pathlib import Path

import openvino
from consumers.answer import Images

TYPES = {"i8": "int8", "u8": "uint8", "f32": "float32"}


def classes(path: Path, images: Images) -> list[int]:
    """The best class of each image.

    OpenVINO shows a .tflite's input as the type of its codes; int8 codes are byte less 128.
    """
    core = openvino.Core()
    model = core.compile_model(core.read_model(str(path)), "CPU")
    dtype = TYPES[model.input(0).element_type.get_type_name()]
    shift = 128 if dtype == "int8" else 0
    found = []
    for pixels in images.pixels:
        (scores,) = model((pixels[None].astype("int16") - shift).astype(dtype)).values()
        found.append(int(scores[0].argmax()))
    return found
