"""TensorFlow's label_image.py, its steps imitated on LiteRT.

Source: https://github.com/tensorflow/tensorflow, tensorflow/lite/examples/python/label_image.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from strop.export.consumers.readers.images import Images


def scores(path: Path, images: Images) -> NDArray[np.float32]:
    """What it prints of each class: float results as they are, others over 255."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (put,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    if put["dtype"] not in (np.uint8, np.float32):
        raise ValueError(f"Cannot set tensor: Got value of type UINT8 but expected {put['dtype']}")
    rows = []
    for pixels in _resized(images, put["shape"]):
        values = (np.float32(pixels) - 127.5) / 127.5 if put["dtype"] == np.float32 else pixels
        interpreter.set_tensor(put["index"], np.expand_dims(values, 0))
        interpreter.invoke()
        row = np.squeeze(interpreter.get_tensor(got["index"]))
        rows.append(row if put["dtype"] == np.float32 else row / 255.0)
    return np.stack(rows).astype(np.float32)


def _resized(images: Images, shape: Any) -> Iterator[NDArray[Any]]:
    """Stretch files by Pillow's own default; grey ones, which it does not take, become RGB."""
    if images.pixels is not None:
        yield from images.pixels
        return
    for path in images.paths:
        with Image.open(path) as image:
            yield np.asarray(image.convert("RGB").resize((int(shape[2]), int(shape[1]))))
