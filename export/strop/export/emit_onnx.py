"""Write a quantized graph as .onnx with exactly the integers of the .tflite.

The form is QDQ: every operation that has an int8 kernel in ONNX Runtime stands between
DequantizeLinear and QuantizeLinear, which the runtime fuses; operations that only move
codes work on the codes. Activations are uint8 (code + 128), which ONNX Runtime computes
the same way on x86 and ARM; layout is NCHW behind one Transpose of the image.

Sources: ONNX operators, https://onnx.ai/onnx/operators/ ; ONNX Runtime, Quantize ONNX
Models, https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from strop.export.graph import (
    CONVOLUTIONS,
    ELEMENTWISE,
    POOLS,
    RELU6_LIMIT,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Pads,
    QuantParams,
    Tensor,
)
from strop.export.merge_columns import merge_columns
from strop.export.quantize import CODE_MIN, CODES, QuantizedGraph

# Twelve channels take ONNX Runtime's direct convolution, where three take a matrix of windows:
# 0.93 of MobileNetV2's latency on x86, 0.90 of MobileNetV3-Small's; 2 columns: 1.00 and 1.08.
COLUMNS = 4
OPSET = 17  # every ONNX Runtime since 1.12 reads it
IR_VERSION = 8  # of opset 17
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
NCHW_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


def emit_onnx(quantized: QuantizedGraph, metadata: Mapping[str, str]) -> bytes:
    """Write a .onnx: uint8 NHWC image in, float scores out, int8 in between.

    Args:
        quantized: A graph with all integers decided. Its operations in float stand between
            DequantizeLinear and QuantizeLinear, their weights as they are.
        metadata: For the model's metadata_props.

    Returns:
        The serialized ModelProto; the same graph gives the same bytes.
    """
    graph = merge_columns(quantized.graph, COLUMNS)
    writer = _Writer(graph)
    writer.add_image()
    for op in graph.ops:
        EMITTERS[op.kind](writer, op)
    return writer.finish(metadata)


class _Writer:
    """An ONNX graph being filled."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.known: set[str] = set()
        self.reals: dict[str, str] = {}

    def add_image(self) -> None:
        self.node("Transpose", ["image"], codes_of(self.graph.input), perm=TO_NCHW)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(
            helper.make_node(kind, inputs, [output], name=f"{output}:{kind}", **attributes)
        )
        return output

    def constant(self, name: str, values: Array) -> str:
        if name not in self.known:
            self.known.add(name)
            # Not ascontiguousarray, which makes scalars into vectors, and ONNX Runtime fuses
            # additions and pools with scalar scales only.
            self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def scale_and_zero_point(self, name: str) -> list[str]:
        """An activation's scale and uint8 zero point."""
        quant = self.graph.quant(name)
        scale = self.constant(f"{name}:scale", np.array(quant.scale, np.float32))
        zero_point = np.uint8(quant.zero_point - CODE_MIN)
        return [scale, self.constant(f"{name}:zero_point", np.asarray(zero_point))]

    def real(self, name: str, reader: Op | None) -> str:
        """Reals of an activation or constant operand; a node for each reader, as fusion needs."""
        tensor = self.graph.tensors[name]
        rank = len(self.graph.tensors[reader.output if reader else name].shape)
        if tensor.data is not None:
            return self.constant(name, _to_nchw(tensor.data, rank))
        if self.graph.is_real(name):
            return self.reals[name]
        codes = codes_of(name)
        if tensor.codes is not None:
            values = tensor.codes.astype(np.int16) - CODE_MIN
            self.constant(codes, _to_nchw(values.astype(np.uint8), rank))
        at = f"{name}:real:{reader.output if reader else 'output'}"
        if reader and reader.kind in CONVOLUTIONS and self.graph.is_float(reader):
            # ONNX Runtime quantizes float weights itself, and per tensor, where a convolution
            # reads what is dequantized by one scale; so it is the same scale for each channel.
            # Source: onnxruntime/core/optimizer/qdq_transformer/weight_bias_quantization.cc
            return self.node("DequantizeLinear", [codes, *self.for_each_channel(name)], at, axis=1)
        return self.node("DequantizeLinear", [codes, *self.scale_and_zero_point(name)], at)

    def for_each_channel(self, name: str) -> list[str]:
        """An activation's scale and uint8 zero point, once a channel."""
        quant, channels = self.graph.quant(name), self.graph.tensors[name].shape[-1]
        scales = np.full(channels, quant.scale, np.float32)
        zero_points = np.full(channels, quant.zero_point - CODE_MIN, np.uint8)
        return [
            self.constant(f"{name}:scales", scales),
            self.constant(f"{name}:zero_points", zero_points),
        ]

    def channels(self, tensor: Tensor, order: tuple[int, ...]) -> str:
        """Reals of weights or a bias, transposed so that their channels are first."""
        if tensor.data is not None:
            return self.constant(tensor.name, tensor.data.transpose(order))
        quant = self.graph.quant(tensor.name)
        codes = self.graph.codes(tensor.name).transpose(order)
        scales = self.constant(f"{tensor.name}:scale", np.array(quant.scales, np.float32))
        zeros = np.zeros(len(quant.scales), codes.dtype)
        zero_point = self.constant(f"{tensor.name}:zero_point", zeros)
        inputs = [self.constant(f"{tensor.name}:codes", codes), scales, zero_point]
        return self.node("DequantizeLinear", inputs, f"{tensor.name}:real", axis=0)

    def coded(self, real: str, op: Op) -> None:
        """Apply the fused activation where saturation does not, and quantize the result."""
        limited = self.limited(real, op)
        if self.graph.is_real(op.output):
            self.reals[op.output] = limited
            return
        inputs = [limited, *self.scale_and_zero_point(op.output)]
        self.node("QuantizeLinear", inputs, codes_of(op.output))

    def limited(self, real: str, op: Op) -> str:
        if op.fused is Fused.NONE:
            return real
        quant = self.graph.tensors[op.output].quant
        if quant is not None and _saturates(op.fused, quant):
            return real
        if op.fused is Fused.RELU:
            return self.node("Relu", [real], f"{op.output}:relu")
        return self.clip(real, f"{op.output}:relu6")

    def clip(self, real: str, output: str) -> str:
        low = self.constant("zero", np.array(0, np.float32))
        high = self.constant("six", np.array(RELU6_LIMIT, np.float32))
        return self.node("Clip", [real, low, high], output)

    def finish(self, metadata: Mapping[str, str]) -> bytes:
        graph = self.graph
        scores = self.real(graph.output, None)
        image_shape, scores_shape = (
            graph.tensors[graph.input].shape,
            graph.tensors[graph.output].shape,
        )
        if len(scores_shape) == 4:
            scores = self.node("Transpose", [scores], "scores", perm=TO_NHWC)
        else:
            self.nodes[-1].output[0] = scores = "scores"
        onnx_graph = helper.make_graph(
            self.nodes,
            "strop",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, image_shape)],
            [helper.make_tensor_value_info(scores, TensorProto.FLOAT, scores_shape)],
            self.initializers,
        )
        model = helper.make_model(
            onnx_graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="strop",
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _saturates(fused: Fused, quant: QuantParams) -> bool:
    """Whether the lowest and highest code are the activation's limits."""
    highest = (CODES + CODE_MIN - quant.zero_point) * quant.scale
    # Half a step: the highest code rounds to 6 or below.
    is_below_6 = highest <= RELU6_LIMIT + quant.scale / 2
    return quant.zero_point == CODE_MIN and (fused is Fused.RELU or is_below_6)


def codes_of(name: str) -> str:
    """Name of the uint8 tensor that holds an activation's codes."""
    return f"{name}:codes"


def _to_nchw(values: Array, rank: int) -> Array:
    """A constant operand of a result of `rank`, for the same broadcasting in NCHW."""
    if rank != 4 or values.size == 1:
        return values
    return values.reshape((1,) * (rank - values.ndim) + values.shape).transpose(TO_NCHW)


def _onnx_pads(pads: Pads) -> list[int]:
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]


def _emit_convolution(writer: _Writer, op: Op) -> None:
    image, weights, bias = (writer.graph.tensors[name] for name in op.inputs)
    is_depthwise = op.kind is Kind.DEPTHWISE
    # Ours are [out, h, w, in] and [1, h, w, out]; ONNX has [out, in / groups, h, w].
    order = (3, 0, 1, 2) if is_depthwise else TO_NCHW
    result = writer.node(
        "Conv",
        [
            writer.real(image.name, op),
            writer.channels(weights, order),
            writer.channels(bias, (0,)),
        ],
        f"{op.output}:conv",
        kernel_shape=weights.shape[1:3],
        strides=op.stride,
        dilations=op.dilation,
        pads=_onnx_pads(op.pads),
        group=image.shape[3] if is_depthwise else 1,
    )
    writer.coded(result, op)


def _emit_elementwise(writer: _Writer, op: Op) -> None:
    names = {Kind.ADD: "Add", Kind.SUB: "Sub", Kind.MUL: "Mul"}
    operands = [writer.real(name, op) for name in op.inputs]
    writer.coded(writer.node(names[op.kind], operands, f"{op.output}:result"), op)


def _emit_mean(writer: _Writer, op: Op) -> None:
    pooled = writer.node("GlobalAveragePool", [writer.real(op.inputs[0], op)], f"{op.output}:mean")
    if not op.keep_dims:
        pooled = writer.node("Flatten", [pooled], f"{op.output}:flat", axis=1)
    writer.coded(pooled, op)


def _emit_unary(kind: str) -> Callable[[_Writer, Op], None]:
    def emit(writer: _Writer, op: Op) -> None:
        real = writer.real(op.inputs[0], op)
        writer.coded(writer.node(kind, [real], f"{op.output}:{kind.lower()}"), op)

    return emit


def _emit_relu6(writer: _Writer, op: Op) -> None:
    real = writer.real(op.inputs[0], op)
    writer.coded(writer.clip(real, f"{op.output}:clip"), op)


def _emit_pool(writer: _Writer, op: Op) -> None:
    attributes = {
        "kernel_shape": op.window,
        "strides": op.stride,
        "pads": _onnx_pads(op.pads),
    }
    if op.kind is Kind.MAX_POOL and op.fused is Fused.NONE:
        writer.node("MaxPool", [codes_of(op.inputs[0])], codes_of(op.output), **attributes)
        return
    kind = "MaxPool" if op.kind is Kind.MAX_POOL else "AveragePool"
    real = writer.real(op.inputs[0], op)
    writer.coded(writer.node(kind, [real], f"{op.output}:pool", **attributes), op)


def _emit_pad(writer: _Writer, op: Op) -> None:
    (top, bottom), (left, right) = op.pads
    amounts = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    zero_point = writer.scale_and_zero_point(op.inputs[0])[1]
    inputs = [codes_of(op.inputs[0]), writer.constant(f"{op.output}:pads", amounts), zero_point]
    writer.node("Pad", inputs, codes_of(op.output))


def _emit_reshape(writer: _Writer, op: Op) -> None:
    """On codes; through NHWC only where the order of the values depends on it."""
    source = writer.graph.tensors[op.inputs[0]].shape
    target = writer.graph.tensors[op.output].shape
    codes = codes_of(op.inputs[0])
    if len(source) == 4 and source[1:3] != (1, 1):
        codes = writer.node("Transpose", [codes], f"{op.output}:nhwc", perm=TO_NHWC)
    needs_nchw = len(target) == 4 and target[1:3] != (1, 1)
    shape = target
    if len(target) == 4 and not needs_nchw:
        shape = (target[0], target[3], 1, 1)
    amounts = writer.constant(f"{op.output}:shape", np.array(shape, np.int64))
    output = codes_of(op.output)
    reshaped = f"{op.output}:reshaped" if needs_nchw else output
    writer.node("Reshape", [codes, amounts], reshaped)
    if needs_nchw:
        writer.node("Transpose", [reshaped], output, perm=TO_NCHW)


def _emit_concatenation(writer: _Writer, op: Op) -> None:
    rank = len(writer.graph.tensors[op.output].shape)
    axis = NCHW_AXIS[op.axis] if rank == 4 else op.axis
    writer.node("Concat", [codes_of(name) for name in op.inputs], codes_of(op.output), axis=axis)


def _emit_softmax(writer: _Writer, op: Op) -> None:
    # The channels are dimension 1 in NCHW and in [N, C]; last in ranks between.
    rank = len(writer.graph.tensors[op.output].shape)
    real = writer.real(op.inputs[0], op)
    axis = 1 if rank == 4 else rank - 1
    writer.coded(writer.node("Softmax", [real], f"{op.output}:softmax", axis=axis), op)


EMITTERS: dict[Kind, Callable[[_Writer, Op], None]] = {
    **dict.fromkeys(CONVOLUTIONS, _emit_convolution),
    **dict.fromkeys(ELEMENTWISE, _emit_elementwise),
    **dict.fromkeys(POOLS, _emit_pool),
    Kind.MEAN: _emit_mean,
    Kind.PAD: _emit_pad,
    Kind.RESHAPE: _emit_reshape,
    Kind.CONCATENATION: _emit_concatenation,
    Kind.LOGISTIC: _emit_unary("Sigmoid"),
    Kind.TANH: _emit_unary("Tanh"),
    Kind.HARD_SWISH: _emit_unary("HardSwish"),
    Kind.RELU: _emit_unary("Relu"),
    Kind.RELU6: _emit_relu6,
    Kind.SOFTMAX: _emit_softmax,
}
