"""Runs a .tflite as TensorFlow's documentation tells its users to.

Source: https://ai.google.dev/edge/litert/models/post_training_integer_quant, run_tflite_model
"""

from __future__ import annotations

from typing import Any

import numpy as np
from consumers.answer import Images
from numpy.typing import NDArray


def codes(pixels: NDArray[np.uint8], details: dict[str, Any]) -> NDArray[Any]:
    """Quantize one image by what the input tensor says, as the documentation does."""
    values = pixels.astype(np.float32)
    if details["dtype"] != np.float32:
        scale, zero_point = details["quantization"]
        values = values / scale + zero_point
    return np.expand_dims(values, 0).astype(details["dtype"])


def by_index(interpreter: Any, images: Images) -> list[int]:
    """The best classes, by the tensors' indices."""
    interpreter.allocate_tensors()
    (put,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for pixels in images.pixels:
        interpreter.set_tensor(put["index"], codes(pixels, put))
        interpreter.invoke()
        found.append(int(interpreter.get_tensor(got["index"])[0].argmax()))
    return found


def by_signature(interpreter: Any, images: Images) -> list[int]:
    """The best classes, through the file's only signature."""
    runner = interpreter.get_signature_runner()
    ((name, details),) = runner.get_input_details().items()
    found = []
    for pixels in images.pixels:
        (scores,) = runner(**{name: codes(pixels, details)}).values()
        found.append(int(scores[0].argmax()))
    return found
