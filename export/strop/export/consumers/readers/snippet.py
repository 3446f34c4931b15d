"""Runs a .tflite as TensorFlow's documentation tells its users to.

Source: https://ai.google.dev/edge/litert/models/post_training_integer_quant, run_tflite_model
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.consumers.readers.images import Images


def codes(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """Quantize one image by what the input tensor says, as the documentation does."""
    if details["dtype"] != np.float32:
        scale, zero_point = details["quantization"]
        values = values / scale + zero_point
    return np.expand_dims(values, 0).astype(details["dtype"])


def real(result: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """Take a result by what the output tensor says."""
    scale, zero_point = details["quantization"]
    if details["dtype"] != np.float32 and scale:
        result = (result.astype(np.float32) - zero_point) * scale
    return result.astype(np.float32)


def by_index(interpreter: Any, images: Images) -> NDArray[np.float32]:
    """The scores of all outputs, by the tensors' indices."""
    interpreter.allocate_tensors()
    (put,), got = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for values in images.values():
        interpreter.set_tensor(put["index"], codes(values, put))
        interpreter.invoke()
        rows.append(_row([(interpreter.get_tensor(each["index"]), each) for each in got]))
    return np.stack(rows)


def by_signature(interpreter: Any, images: Images) -> NDArray[np.float32]:
    """The scores of all outputs, through the file's only signature."""
    runner = interpreter.get_signature_runner()
    ((name, put),) = runner.get_input_details().items()
    # A signature has them by name; a row is in the file's order.
    names = {each["index"]: one for one, each in runner.get_output_details().items()}
    got = [(names[each["index"]], each) for each in interpreter.get_output_details()]
    rows = []
    for values in images.values():
        found = runner(**{name: codes(values, put)})
        rows.append(_row([(found[one], each) for one, each in got]))
    return np.stack(rows)


def _row(results: list[tuple[NDArray[Any], dict[str, Any]]]) -> NDArray[np.float32]:
    """One image's results one behind the other."""
    return np.concatenate([real(result[0], each).reshape(-1) for result, each in results])
