"""Checks what TensorRT's parser asks of quantizers in an .onnx.

Sources: onnx-tensorrt, onnxOpImporters.cpp, QuantDequantLinearHelper: scales are positive
constants, zero points constants of 0, UINT8 is taken for INT8. NVIDIA, Working with Quantized
Types: activations have one scale, weights may have one for each channel.
https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/work-quantized-types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strop.runtime.errors import ConsumerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Constants = Mapping[str, NDArray[Any]]

QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
NEEDED = "--for tensorrt needs"


def check_tensorrt(path: Path) -> bool:
    """Refuse a file whose quantizers TensorRT does not take.

    Returns:
        Whether its batch is open, so that an engine needs to be given the shapes.

    Raises:
        ConsumerError: The first of them, with what is needed.
    """
    import onnx  # only here: `strop consumers` needs none of it
    from onnx import numpy_helper

    model = onnx.load(path)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for node in model.graph.node:
        fault = _fault(node, constants)
        if fault:
            raise ConsumerError(f"{path.name}: {node.name}: {fault}")
    dimension = model.graph.input[0].type.tensor_type.shape.dim[0]
    return not dimension.HasField("dim_value")


def _fault(node: Any, constants: Constants) -> str:
    """What is wrong with a node; empty where nothing is."""
    if node.domain not in ("", "ai.onnx"):
        return f"is an operation of {node.domain}; {NEEDED} those of ONNX"
    if node.op_type not in QUANTIZERS:
        return ""
    scale, zero_point = (constants.get(name) for name in (*node.input, "")[1:3])
    if scale is None or zero_point is None:
        return f"its scale or zero point is no constant; {NEEDED} both"
    if zero_point.dtype != np.int8 or zero_point.any():
        values = sorted({int(value) for value in zero_point.flat})[:3]
        return f"its zero points are {zero_point.dtype} {values}; {NEEDED} int8 0"
    if not (scale > 0).all():
        return f"has a scale of {scale.min():g}; {NEEDED} scales above 0"
    codes = constants.get(node.input[0])
    if scale.ndim and codes is None:
        return (
            f"has {scale.size} scales for an activation, whose layer stays in float; {NEEDED} one:"
            " export it with --max-float-layers 0 and --full-int8"
        )
    if codes is not None and codes.dtype != np.int8:
        return f"dequantizes {codes.dtype}; {NEEDED} int8"
    return ""
