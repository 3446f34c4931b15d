"""Finds which operations of a .tflite the Edge TPU compiler would leave to the CPU, and why.

This reads the file alone; the compiler itself may have further reasons ("not mapped due to some
unspecified limitation").

Sources: https://coral.ai/docs/edgetpu/models-intro/, "Model requirements" and "Supported
    operations", for the newest runtime; Axis repeats the table for the same compiler,
    https://developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.inspect.audit import TFLITE_TYPES, UNREADABLE
from strop.export.ir.tflite_bytes import unpacked
from strop.export.ir.tflite_names import layer_name, operator_name, result_name, results_of
from strop.export.kernels.xnnpack import CODES
from strop.runtime.errors import ArtifactError

MOST_SOFTMAX = 16_000  # numbers
INNERMOST = 3  # dimensions that may be larger than 1
MEAN_GROUP = 4  # a mean over channels takes so many at a time
BATCH = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCpu:
    """An operation that the Edge TPU would not run.

    Attributes:
        kind: TFLite's name of it.
        layer: Name of its result's layer.
        reason: Why.
    """

    kind: str
    layer: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeTpuCheck:
    """What the table says about a file.

    Attributes:
        operations: All of them.
        on_cpu: Those that stay on the CPU, in the order in which they run.
    """

    operations: int
    on_cpu: tuple[OnCpu, ...]


def check_edge_tpu(path: Path) -> EdgeTpuCheck:
    """Hold every operation of a .tflite against the compiler's table.

    The compiler makes one part of the operations in front of the first that it does not take;
    that one and all behind it stay on the CPU.

    Raises:
        ArtifactError: The file cannot be parsed.
    """
    try:
        model = unpacked(path.read_bytes())
        return _checked(model)
    except UNREADABLE as err:
        raise ArtifactError(
            f"{path}: not a readable .tflite ({err}); export it again, or copy it again"
        ) from err


def _checked(model: Any) -> EdgeTpuCheck:
    subgraph = model.subgraphs[0]
    left: list[OnCpu] = []
    for operator in subgraph.operators:
        kind = operator_name(model, operator)
        reason = _Operator(model, operator).refusal(kind)
        if not reason and left:
            reason = f"runs behind {left[0].kind}, and the compiler makes one part"
        if reason:
            layer = layer_name(result_name(subgraph, operator))
            left.append(OnCpu(kind=kind, layer=layer, reason=reason))
    return EdgeTpuCheck(operations=len(subgraph.operators), on_cpu=tuple(left))


class _Operator:
    """An operator with its tensors at hand."""

    def __init__(self, model: Any, operator: Any) -> None:
        self._buffers = model.buffers
        tensors = model.subgraphs[0].tensors
        # -1 stands for an input that is left out.
        self.inputs = [tensors[index] for index in operator.inputs if index >= 0]
        self.results = [tensors[index] for index in results_of(operator)]
        self.options = operator.builtinOptions

    def refusal(self, kind: str) -> str:
        """Return why the Edge TPU does not run it; empty if it does."""
        if kind not in RULES:
            return "is not in the Edge TPU compiler's table"
        return self._of_tensors() or RULES[kind](self)

    def _of_tensors(self) -> str:
        computed = [tensor for tensor in self.inputs if self.constant(tensor) is None]
        for tensor in (*computed, *self.results):
            if TFLITE_TYPES[tensor.type] not in CODES:
                return f"works on {TFLITE_TYPES[tensor.type]}; taken are int8 and uint8"
            outer = _sides(tensor)[:-INNERMOST]
            if any(side > 1 for side in outer):
                shape = "x".join(map(str, _sides(tensor)))
                return f"has a tensor of {shape}; only the last {INNERMOST} sides may be above 1"
        return ""

    def constant(self, tensor: Any) -> Any:
        """Return the bytes of a constant; None of what is computed."""
        data = self._buffers[tensor.buffer].data
        return None if data is None or len(data) == 0 else np.asarray(data, np.uint8).tobytes()

    def numbers(self, place: int) -> list[int]:
        """Return the numbers of a constant int32 input; none where it is computed."""
        if place >= len(self.inputs):
            return []
        return [int(n) for n in np.frombuffer(self.constant(self.inputs[place]) or b"", np.int32)]


def _sides(tensor: Any) -> list[int]:
    return [] if tensor.shape is None else [int(side) for side in tensor.shape]


def _no_limit(found: _Operator) -> str:
    return ""


def _no_fused_activation(found: _Operator) -> str:
    if found.options.fusedActivationFunction == schema.ActivationFunctionType.NONE:
        return ""
    return "has a fused activation"


def _one_dilation(found: _Operator) -> str:
    rows, columns = found.options.dilationHFactor, found.options.dilationWFactor
    return "" if rows == columns else f"is dilated by {rows} x {columns}; taken are equal ones"


def _concatenation(found: _Operator) -> str:
    constants = [tensor for tensor in found.inputs if found.constant(tensor) is not None]
    if not constants:
        return _no_fused_activation(found)
    are_zero = all(
        set(np.frombuffer(found.constant(each), np.int8)) <= {int(each.quantization.zeroPoint[0])}
        for each in constants
    )
    if len(found.inputs) == 2 and are_zero:
        return _no_fused_activation(found)
    return "has a constant input; taken is one of two that is all zeros"


def _dense(found: _Operator) -> str:
    if found.options.weightsFormat != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        return "has shuffled weights"
    return _one_dimensional(found.results[0])


def _softmax(found: _Operator) -> str:
    size = int(np.prod(_sides(found.inputs[0])))
    if size > MOST_SOFTMAX:
        return f"has {size} numbers; taken are up to {MOST_SOFTMAX}"
    return _one_dimensional(found.inputs[0])


def _one_dimensional(tensor: Any) -> str:
    sides = _sides(tensor)
    if all(side == 1 for side in sides[:-1]):
        return ""
    return f"has a tensor of {'x'.join(map(str, sides))}; taken is one dimension"


def _axes(found: _Operator) -> list[int]:
    rank = len(_sides(found.inputs[0]))
    return [axis % rank for axis in found.numbers(1)]


def _not_the_batch(found: _Operator) -> str:
    return "reduces the batch" if BATCH in _axes(found) else ""


def _mean(found: _Operator) -> str:
    sides = _sides(found.inputs[0])
    if len(sides) - 1 in _axes(found) and sides[-1] % MEAN_GROUP:
        return f"reduces {sides[-1]} channels; taken are multiples of {MEAN_GROUP}"
    return _not_the_batch(found)


def _pad(found: _Operator) -> str:
    return "pads the batch" if any(found.numbers(1)[:2]) else ""


def _pack(found: _Operator) -> str:
    return "packs the batch" if found.options.axis == BATCH else ""


def _prelu(found: _Operator) -> str:
    return _one_dimensional(found.inputs[1])


def _strided_slice(found: _Operator) -> str:
    if found.options.ellipsisMask or found.options.newAxisMask:
        return "has an ellipsis or a new axis"
    strides = found.numbers(3)
    return "" if all(step == 1 for step in strides) else f"steps by {strides}; taken is 1"


RULES: Mapping[str, Callable[[_Operator], str]] = {
    **dict.fromkeys(
        (
            *("ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL"),
            *("QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR"),
            *("RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SQUEEZE", "SUB"),
            "TANH",
        ),
        _no_limit,
    ),
    "AVERAGE_POOL_2D": _no_fused_activation,
    "CONCATENATION": _concatenation,
    "CONV_2D": _one_dilation,
    "DEPTHWISE_CONV_2D": _one_dilation,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _no_fused_activation,
    "MEAN": _mean,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "REDUCE_MAX": _not_the_batch,
    "REDUCE_MIN": _not_the_batch,
    "SOFTMAX": _softmax,
    "STRIDED_SLICE": _strided_slice,
}
"""TFLite's names of the table's operations, and what limits each. LSTM, which no classifier of
images has, is left out."""


def input_quantization(path: Path) -> tuple[float, int]:
    """Return scale and zero point of a .tflite's first input."""
    model = unpacked(path.read_bytes())
    subgraph = model.subgraphs[0]
    found = subgraph.tensors[subgraph.inputs[0]].quantization
    return float(found.scale[0]), int(found.zeroPoint[0])
