"""The deploy graph: batch 1, inference only, NHWC, a dozen kinds of operation.

It is what every step between the model and the two emitters reads and writes. Values
only: tensors by name, operations in the order they run. A tensor with `data` is a
constant; one with `codes` has its integers decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strop.export.ir.island import Island
from strop.export.kernels.bilinear import Coordinates

Array = NDArray[Any]
Pads = tuple[tuple[int, int], tuple[int, int]]
"""Rows or columns of padding: ((top, bottom), (left, right))."""

NO_PADS: Pads = ((0, 0), (0, 0))


class Kind(str, Enum):
    """Operations of the deploy graph; the values are TFLite's names of them.

    TFLite and ONNX have no SHUFFLE: there it is RESHAPE, TRANSPOSE and RESHAPE. SLICE is of
    channels, CROP of all other dimensions; there both are SLICE. FLOAT is an
    island: operations that stay in float whatever is around them. OUTPUTS puts the outputs of a
    model with several into one row, see `ir/outputs.py`. QUANTIZE makes codes of reals, of which
    a quantized graph has both.
    """

    CONV = "CONV_2D"
    DEPTHWISE = "DEPTHWISE_CONV_2D"
    DENSE = "FULLY_CONNECTED"
    ADD = "ADD"
    SUB = "SUB"
    MUL = "MUL"
    MEAN = "MEAN"
    MAX_POOL = "MAX_POOL_2D"
    AVERAGE_POOL = "AVERAGE_POOL_2D"
    BILINEAR = "RESIZE_BILINEAR"
    PAD = "PAD"
    RESHAPE = "RESHAPE"
    CONCATENATION = "CONCATENATION"
    SLICE = "SLICE"
    CROP = "CROP"
    SHUFFLE = "SHUFFLE"
    TRANSPOSE = "TRANSPOSE"
    LOGISTIC = "LOGISTIC"
    TANH = "TANH"
    HARD_SWISH = "HARD_SWISH"
    RELU = "RELU"
    RELU6 = "RELU6"
    ELU = "ELU"
    SOFTMAX = "SOFTMAX"
    FLOAT = "FLOAT"
    OUTPUTS = "OUTPUTS"
    QUANTIZE = "QUANTIZE"


class Fused(str, Enum):
    """Activation that an operation applies to its own result."""

    NONE = "NONE"
    RELU = "RELU"
    RELU6 = "RELU6"


CONVOLUTIONS = frozenset({Kind.CONV, Kind.DEPTHWISE})
LINEAR = CONVOLUTIONS | {Kind.DENSE}
RELU6_LIMIT = 6.0
CODE_MIN, CODE_MAX = -128, 127  # of int8
ELEMENTWISE = frozenset({Kind.ADD, Kind.SUB, Kind.MUL})
POOLS = frozenset({Kind.MAX_POOL, Kind.AVERAGE_POOL})


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantParams:
    """Maps int8 codes to reals: scale * (code - zero_point), per tensor or per channel.

    Attributes:
        scales: One step's size in real units, > 0; one per tensor, or one per channel.
        zero_point: Code of real 0, in [-128, 127]; 0 for weights and biases.
        axis: Channel axis of `scales`; None per tensor.

    Source: B. Jacob et al., Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference, CVPR 2018, eq. 1; TensorFlow Lite 8-bit quantization
    specification, https://ai.google.dev/edge/litert/models/quantization_spec
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None

    @property
    def scale(self) -> float:
        """The one scale of a tensor that is quantized per tensor."""
        (scale,) = self.scales
        return scale


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """An activation, or a constant.

    Attributes:
        name: Unique in its graph.
        shape: All dimensions; activations have batch 1 in front, images are NHWC.
        data: Real values of a constant, float32; None for an activation.
        codes: Integers of a quantized constant: int8, biases int32.
        quant: What the codes mean; None in a float graph, and for what stays float in a
            quantized one.
    """

    name: str
    shape: tuple[int, ...]
    data: Array | None = None
    codes: Array | None = None
    quant: QuantParams | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Op:
    """One operation. Attributes that its kind does not use keep their defaults.

    Attributes:
        kind: What it computes.
        inputs: Tensor names. CONV: input, weights [out, h, w, in / groups], bias [out].
            DEPTHWISE: input, weights [1, h, w, in * multiplier], bias. DENSE: input,
            weights [out, in], bias. CONCATENATION, OUTPUTS: any number. Others: one or two.
        output: Tensor name.
        fused: Activation applied to the result (linear, elementwise and pooling only).
        stride: Rows, columns.
        dilation: Rows, columns.
        pads: CONV, DEPTHWISE, pools and PAD: zeros (for pools: nothing) around rows and columns.
        window: Pools: rows, columns.
        axis: CONCATENATION: dimension, >= 0.
        begin: SLICE: the first channel; the result's shape says how many.
        corner: CROP: the first place along every dimension.
        coordinates: BILINEAR: where the result's pixels lie.
        groups: SHUFFLE: channel k of group i becomes channel k * groups + i.
        order: TRANSPOSE: dimensions of the input.
        island: FLOAT: what it computes, of its inputs in their order.
        result: FLOAT: which of the island's outputs it is.
        keep_dims: MEAN over rows and columns: whether the result is [1, 1, 1, C] or [1, C].
    """

    kind: Kind
    inputs: tuple[str, ...]
    output: str
    fused: Fused = Fused.NONE
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = NO_PADS
    window: tuple[int, int] = (1, 1)
    axis: int = 0
    begin: int = 0
    corner: tuple[int, ...] = ()
    coordinates: Coordinates = Coordinates.HALF_PIXEL
    groups: int = 1
    order: tuple[int, ...] = ()
    keep_dims: bool = True
    island: Island | None = None
    result: int = 0

    def floats(self) -> Island:
        """The island of a FLOAT operation."""
        if self.island is None:
            raise KeyError(f"{self.output} is no island")
        return self.island


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Operations in the order they run, one input, one output; several outputs are one row.

    Attributes:
        ops: In topological order; every tensor is written once.
        tensors: By name.
        input: Name of the image tensor.
        output: Name of the scores.
    """

    ops: tuple[Op, ...]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    input: str
    output: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    def is_constant(self, name: str) -> bool:
        """Whether the tensor's values are known before any image is."""
        tensor = self.tensors[name]
        return tensor.data is not None or tensor.codes is not None

    def data(self, name: str) -> Array:
        """Real values of a constant, float32."""
        data = self.tensors[name].data
        if data is None:
            raise KeyError(f"{name} is not a constant")
        return data

    def codes(self, name: str) -> Array:
        """Integers of a quantized constant."""
        codes = self.tensors[name].codes
        if codes is None:
            raise KeyError(f"{name} has no integers")
        return codes

    def quant(self, name: str) -> QuantParams:
        """What the codes of a quantized tensor mean."""
        quant = self.tensors[name].quant
        if quant is None:
            raise KeyError(f"{name} is not quantized")
        return quant

    def is_float(self, op: Op) -> bool:
        """Whether an operation of a quantized graph reads or writes reals, so computes on them."""
        return op.kind is Kind.FLOAT or any(map(self.is_real, (*op.inputs, op.output)))

    def is_real(self, name: str) -> bool:
        """Whether a tensor has no codes."""
        return self.tensors[name].quant is None

    def activations(self) -> tuple[str, ...]:
        """The input and every operation's result, in the order they are computed."""
        return (self.input, *(op.output for op in self.ops))

    def joined_by(self, carried: Callable[[Op], Iterable[str]]) -> list[list[str]]:
        """All activations in disjoint groups.

        Args:
            carried: Which of an operation's inputs are in one group with its result.
        """
        group_of = {name: [name] for name in self.activations()}
        for op in self.ops:
            for name in carried(op):
                if self.is_constant(name) or group_of[name] is group_of[op.output]:
                    continue
                merged = group_of[name] + group_of[op.output]
                group_of |= dict.fromkeys(merged, merged)
        return list({id(group): group for group in group_of.values()}.values())

    def producer(self, name: str) -> Op | None:
        """The operation that writes `name`; None for the input and for constants."""
        return next((op for op in self.ops if op.output == name), None)

    def consumers(self, name: str) -> tuple[Op, ...]:
        """The operations that read `name`."""
        return tuple(op for op in self.ops if name in op.inputs)

    def rewired(
        self,
        ops: Iterable[Op],
        *,
        added: Iterable[Tensor] = (),
        output: str | None = None,
    ) -> Graph:
        """The same graph with these operations; tensors that nothing uses are dropped."""
        kept_ops = tuple(ops)
        tensors = {**self.tensors, **{tensor.name: tensor for tensor in added}}
        result = output if output is not None else self.output
        used = {self.input, result}
        for op in kept_ops:
            used.update(op.inputs, (op.output,))
        kept = {name: tensor for name, tensor in tensors.items() if name in used}
        return Graph(ops=kept_ops, tensors=kept, input=self.input, output=result)


def conv_groups(graph: Graph, conv: Op) -> int:
    """In how many groups of channels a CONV reads its input."""
    image, weights = (graph.tensors[name] for name in conv.inputs[:2])
    return image.shape[3] // weights.shape[3]


def at_inputs(graph: Graph, op: Op, values: Array) -> Array:
    """Shape a value for each channel that a convolution reads to go with its weights.

    Args:
        graph: Has the shapes.
        op: CONV or DEPTHWISE.
        values: [channels of its input].

    Returns:
        What broadcasts with its weights.
    """
    weights = graph.tensors[op.inputs[1]].shape
    if op.kind is Kind.DEPTHWISE:
        # Output channel o reads input channel o // multiplier.
        repeated: Array = np.repeat(values, weights[3] // len(values))
        return repeated
    # Every output channel reads its group's channels.
    groups = conv_groups(graph, op)
    found: Array = np.repeat(values.reshape(groups, 1, 1, -1), weights[0] // groups, axis=0)
    return found


def same_pads(
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    """TensorFlow's SAME padding for an input of `size` rows and columns.

    Source: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    pads = []
    for length, taps, step, spread in zip(size, window, stride, dilation, strict=True):
        extent = (taps - 1) * spread + 1
        total = max((-(-length // step) - 1) * step + extent - length, 0)
        pads.append((total // 2, total - total // 2))
    return (pads[0], pads[1])


def renamed(op: Op, old: str, new: str) -> Op:
    """`op` reading `new` wherever it read `old`."""
    return replace(op, inputs=tuple(new if name == old else name for name in op.inputs))


def float_constant(name: str, values: Array) -> Tensor:
    """A constant tensor of real values, stored as float32."""
    data = np.ascontiguousarray(values, dtype=np.float32)
    return Tensor(name=name, shape=data.shape, data=data)
