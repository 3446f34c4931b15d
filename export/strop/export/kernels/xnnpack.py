"""Why XNNPACK leaves an operation of a .tflite to the builtin kernels.

These are the conditions of LiteRT's XNNPACK delegate that int8 classifiers meet; the tests
hold each against the delegate itself, on both sides of its limit.

Source: LiteRT 2.3, tflite/delegates/xnnpack/xnnpack_delegate.cc, VisitUnaryNode,
VisitBinaryNode, VisitAveragePool2DNode, VisitSoftmaxNode, VisitConcatenationNode and
VisitDepthwiseConv2DNode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CODES = frozenset({"int8", "uint8"})
FLOAT_ONLY = frozenset(
    {
        "ABS",
        "AVERAGE_POOL_2D",
        "DIV",
        "EXP",
        "GELU",
        "HARD_SWISH",
        "MAXIMUM",
        "MINIMUM",
        "NEG",
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "RSQRT",
        "SOFTMAX",
        "SQUARED_DIFFERENCE",
    }
)
# Not in float either; they stand in float islands.
UNKNOWN_TO_XNNPACK = frozenset({"FLOOR_DIV", "FLOOR_MOD", "GREATER", "LESS", "POW", "SIGN"})
# Of scales, float32: those below the first and from the second on are refused.
SUM_RATIOS = (2.0**-10, 2.0**8)
RATIOS = {
    "ADD": SUM_RATIOS,
    "SUB": SUM_RATIOS,
    "MUL": (2.0**-16, 2.0**8),
    # 128 itself is taken.
    "QUANTIZE": (2.0**-8, float(np.nextafter(np.float32(128), np.float32(np.inf)))),
}
MOST_CONCATENATED = 5
UNKNOWN = "reason unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operand:
    """What an operation reads or writes.

    Attributes:
        dtype: numpy's name, or TFLite's where numpy has none.
        scale: Real size of one code step, the first channel's of several; 0.0 where the
            tensor is not quantized.
    """

    dtype: str
    scale: float = 0.0


def refusal(kind: str, inputs: Sequence[Operand], result: Operand) -> str:
    """Why XNNPACK did not take an operation.

    Args:
        kind: TFLite's name of the operation.
        inputs: In TFLite's order.
        result: The first, if there are several.

    Returns:
        The reason, or UNKNOWN where none of the known conditions is broken.
    """
    if kind in FLOAT_ONLY and result.dtype in CODES:
        return f"XNNPACK has no {result.dtype} {kind}"
    if kind in UNKNOWN_TO_XNNPACK:
        return f"XNNPACK has no {kind}"
    if kind == "CONCATENATION" and len(inputs) > MOST_CONCATENATED:
        return f"XNNPACK concatenates up to {MOST_CONCATENATED} tensors, here are {len(inputs)}"
    if kind == "DEPTHWISE_CONV_2D" and inputs[1].dtype != inputs[0].dtype:
        return f"XNNPACK has no {kind} of {inputs[0].dtype} by {inputs[1].dtype} weights"
    if kind == "QUANTIZE" and {inputs[0].dtype, result.dtype} == CODES:
        return f"XNNPACK does not turn {inputs[0].dtype} into {result.dtype}"
    return _ratio_refusal(kind, inputs, result) or UNKNOWN


def _ratio_refusal(kind: str, inputs: Sequence[Operand], result: Operand) -> str | None:
    """What is wrong with the ratio of the scales; None if nothing is."""
    if kind not in RATIOS or result.dtype not in CODES or result.scale <= 0:
        return None
    scales = np.array([operand.scale for operand in inputs], np.float32)
    if kind == "MUL":
        name, ratios = "product of the input scales", scales.prod(keepdims=True)
    else:
        name, ratios = "input scale", scales
    low, high = RATIOS[kind]
    for ratio in (ratios / np.float32(result.scale)).tolist():
        if not low <= ratio < high:
            return (
                f"XNNPACK takes {kind} with a ratio of the {name} to the result's from"
                f" 1/{1 / low:g} to {high:g}, here it is {ratio:.4g}"
            )
    return None
