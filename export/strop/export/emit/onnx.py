"""Write a quantized graph as .onnx with exactly the integers of the .tflite.

The form is QDQ: every operation that has an int8 kernel in ONNX Runtime stands between
DequantizeLinear and QuantizeLinear, which the runtime fuses; operations that only move
codes work on the codes. Activations are uint8 (code + 128), which ONNX Runtime computes
the same way on x86 and ARM, or int8 where their zero points are 0; layout is NCHW.

Sources: ONNX operators, https://onnx.ai/onnx/operators/ ; ONNX Runtime, Quantize ONNX
Models, https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from strop.export.emit.island_onnx import translated
from strop.export.emit.onnx_averages import emit_average_pool, emit_bilinear, emit_pool
from strop.export.emit.onnx_conventions import NCHW_AXES, TO_NCHW, TO_NHWC, onnx_pads
from strop.export.emit.onnx_writer import OnnxWriter, codes_of
from strop.export.emit.symmetric_onnx_writer import SymmetricOnnxWriter
from strop.export.ir.channel_shuffle import expand_shuffles
from strop.export.ir.graph import (
    CONVOLUTIONS,
    ELEMENTWISE,
    Kind,
    Op,
    Pads,
    conv_groups,
)
from strop.export.options.choices import OnnxInput
from strop.export.passes.fill_channels import fill_channels
from strop.export.passes.group_windows import ONNXRUNTIME, GroupKernels, group_windows
from strop.export.passes.width_to_channels import merge_columns
from strop.export.quantize.quantize import QuantizedGraph

# Twelve channels take ONNX Runtime's direct convolution, where three take a matrix of windows:
# 0.93 of MobileNetV2's latency on x86, 0.90 of MobileNetV3-Small's; 2 columns: 1.00 and 1.08.
COLUMNS = 4
SAME, REST = 0, -1  # in Reshape's shape: the dimension stays as it is, or takes what is left


def emit_onnx(
    quantized: QuantizedGraph,
    metadata: Mapping[str, str],
    image: OnnxInput | None = OnnxInput.BYTES,
    outputs: Sequence[str] = ("scores",),
    *,
    sums_as_xnnpack: bool = False,
    averages_from: int = 0,
    kernels: GroupKernels = ONNXRUNTIME,
) -> bytes:
    """Write a .onnx: image in, float scores out, int8 in between.

    Args:
        quantized: A graph with all integers decided. Its operations in float stand between
            DequantizeLinear and QuantizeLinear, their weights as they are.
        metadata: For the model's metadata_props.
        image: How it takes the image; None: float32, NHWC, in the unit of the graph's input.
        outputs: What the outputs are called, where there are several.
        sums_as_xnnpack: Whether scales of summands are what XNNPACK makes of them, for a graph
            whose scales keep no distance from rounding ties.
        averages_from: int8 code from which averages are rounded away at ties: -128 is the 0 of
            uint8, whose averages are rounded up.
        kernels: For which small groups of channels are merged, where activations are uint8.

    Returns:
        The serialized ModelProto; the same graph gives the same bytes.
    """
    if quantized.is_symmetric:
        writer: OnnxWriter = SymmetricOnnxWriter(expand_shuffles(quantized.graph), image)
    else:
        grouped = group_windows(quantized.graph, kernels)
        merged = merge_columns(fill_channels(grouped), COLUMNS)
        writer = OnnxWriter(expand_shuffles(merged), image)
    writer.sums_as_xnnpack, writer.averages_from = sums_as_xnnpack, averages_from
    writer.add_image()
    for op in writer.graph.ops:
        EMITTERS[op.kind](writer, op)
    return writer.finish(metadata, outputs)


def conv_order(op: Op) -> tuple[int, ...]:
    """Axes of a convolution's weights as ONNX has them, [out, in / groups, h, w].

    Ours are [out, h, w, in] and, of a depthwise one, [1, h, w, out].
    """
    return (3, 0, 1, 2) if op.kind is Kind.DEPTHWISE else TO_NCHW


def conv_attributes(writer: OnnxWriter, op: Op, pads: Pads) -> dict[str, Any]:
    """Attributes of Conv and QLinearConv."""
    image, weights = (writer.graph.tensors[name] for name in op.inputs[:2])
    is_depthwise = op.kind is Kind.DEPTHWISE
    return {
        "kernel_shape": weights.shape[1:3],
        "strides": op.stride,
        "dilations": op.dilation,
        "pads": onnx_pads(pads),
        "group": image.shape[3] if is_depthwise else conv_groups(writer.graph, op),
    }


def convolution(writer: OnnxWriter, op: Op) -> str:
    """Add a Conv of dequantized codes, and give its result."""
    image, bias, pads = writer.convolved(op)
    weights = writer.channels(writer.graph.tensors[op.inputs[1]], conv_order(op))
    attributes = conv_attributes(writer, op, pads)
    return writer.node("Conv", [image, weights, bias], f"{op.output}:conv", **attributes)


def _emit_convolution(writer: OnnxWriter, op: Op) -> None:
    writer.coded(convolution(writer, op), op)


def _emit_elementwise(writer: OnnxWriter, op: Op) -> None:
    names = {Kind.ADD: "Add", Kind.SUB: "Sub", Kind.MUL: "Mul"}
    is_sum = op.kind is not Kind.MUL and not writer.graph.is_float(op)
    if is_sum and writer.sums_as_xnnpack:
        operands = writer.summands(op)
    else:
        operands = [writer.real(name, op) for name in op.inputs]
    writer.coded(writer.node(names[op.kind], operands, f"{op.output}:result"), op)


def _emit_mean(writer: OnnxWriter, op: Op) -> None:
    pooled = writer.node("GlobalAveragePool", [writer.real(op.inputs[0], op)], f"{op.output}:mean")
    if not op.keep_dims:
        pooled = writer.node("Flatten", [pooled], f"{op.output}:flat", axis=1)
    writer.coded(pooled, op)


def _emit_unary(kind: str) -> Callable[[OnnxWriter, Op], None]:
    def emit(writer: OnnxWriter, op: Op) -> None:
        real = writer.real(op.inputs[0], op)
        writer.coded(writer.node(kind, [real], f"{op.output}:{kind.lower()}"), op)

    return emit


def _emit_relu6(writer: OnnxWriter, op: Op) -> None:
    real = writer.real(op.inputs[0], op)
    writer.coded(writer.clip(real, f"{op.output}:clip"), op)


def _emit_pad(writer: OnnxWriter, op: Op) -> None:
    (top, bottom), (left, right) = op.pads
    amounts = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    zero = writer.zero_code(op.inputs[0])
    inputs = [codes_of(op.inputs[0]), writer.constant(f"{op.output}:pads", amounts), zero]
    writer.node("Pad", inputs, codes_of(op.output))


def _emit_reshape(writer: OnnxWriter, op: Op) -> None:
    """Reshape codes or reals; through NHWC only where the order of the values depends on it."""
    source = writer.graph.tensors[op.inputs[0]].shape
    target = writer.graph.tensors[op.output].shape
    is_float = writer.graph.is_float(op)
    values = writer.real(op.inputs[0], op) if is_float else codes_of(op.inputs[0])
    if len(source) == 4 and source[1:3] != (1, 1):
        values = writer.node("Transpose", [values], f"{op.output}:nhwc", perm=TO_NHWC)
    needs_nchw = len(target) == 4 and target[1:3] != (1, 1)
    shape = target
    if len(target) == 4 and not needs_nchw:
        shape = (target[0], target[3], 1, 1)
    # A channel shuffle has the pixels of all images in front.
    batch = SAME if source[0] == target[0] else REST
    amounts = writer.constant(f"{op.output}:shape", np.array((batch, *shape[1:]), np.int64))
    output = f"{op.output}:result" if is_float else codes_of(op.output)
    reshaped = f"{op.output}:reshaped" if needs_nchw else output
    writer.node("Reshape", [values, amounts], reshaped)
    if needs_nchw:
        writer.node("Transpose", [reshaped], output, perm=TO_NCHW)
    if is_float:
        writer.coded(output, op)


def _emit_concatenation(writer: OnnxWriter, op: Op) -> None:
    rank = len(writer.graph.tensors[op.output].shape)
    axis = NCHW_AXES[op.axis] if rank == 4 else op.axis
    writer.node("Concat", [codes_of(name) for name in op.inputs], codes_of(op.output), axis=axis)


def slice_bounds(writer: OnnxWriter, op: Op) -> list[str]:
    """Begin, end and axis of a slice of channels."""
    end = op.begin + writer.graph.tensors[op.output].shape[3]
    return [
        writer.constant(f"{op.output}:{name}", np.array([value], np.int64))
        for name, value in (("begin", op.begin), ("end", end), ("axis", NCHW_AXES[3]))
    ]


def _emit_slice(writer: OnnxWriter, op: Op) -> None:
    inputs = [codes_of(op.inputs[0]), *slice_bounds(writer, op)]
    writer.node("Slice", inputs, codes_of(op.output))


def _emit_crop(writer: OnnxWriter, op: Op) -> None:
    sides = writer.graph.tensors[op.output].shape
    # All but the batch.
    order = TO_NCHW[1:] if len(sides) == 4 else range(1, len(sides))
    begins = [op.corner[axis] for axis in order]
    ends = [op.corner[axis] + sides[axis] for axis in order]
    axes = range(1, len(sides))
    bounds = [
        writer.constant(f"{op.output}:{name}", np.array(values, np.int64))
        for name, values in (("begin", begins), ("end", ends), ("axes", axes))
    ]
    writer.node("Slice", [codes_of(op.inputs[0]), *bounds], codes_of(op.output))


def _emit_transpose(writer: OnnxWriter, op: Op) -> None:
    order = op.order
    if len(order) == 4:
        # Of NHWC, by what stands in the same places of NCHW.
        order = tuple(TO_NHWC[order[axis]] for axis in TO_NCHW)
    writer.node("Transpose", [codes_of(op.inputs[0])], codes_of(op.output), perm=order)


def _emit_float(writer: OnnxWriter, op: Op) -> None:
    graph = translated(op.floats(), op.output)
    results = writer.inline(graph, op, [writer.real(name, op) for name in op.inputs])
    writer.coded(results[op.result], op)


def _emit_softmax(writer: OnnxWriter, op: Op) -> None:
    # The channels are dimension 1 in NCHW and in [N, C]; last in ranks between.
    rank = len(writer.graph.tensors[op.output].shape)
    real = writer.real(op.inputs[0], op)
    axis = 1 if rank == 4 else rank - 1
    writer.coded(writer.node("Softmax", [real], f"{op.output}:softmax", axis=axis), op)


EMITTERS: dict[Kind, Callable[[OnnxWriter, Op], None]] = {
    **dict.fromkeys(CONVOLUTIONS, _emit_convolution),
    **dict.fromkeys(ELEMENTWISE, _emit_elementwise),
    Kind.MAX_POOL: emit_pool,
    Kind.AVERAGE_POOL: emit_average_pool,
    Kind.BILINEAR: emit_bilinear,
    Kind.MEAN: _emit_mean,
    Kind.PAD: _emit_pad,
    Kind.RESHAPE: _emit_reshape,
    Kind.CONCATENATION: _emit_concatenation,
    Kind.SLICE: _emit_slice,
    Kind.CROP: _emit_crop,
    Kind.TRANSPOSE: _emit_transpose,
    Kind.LOGISTIC: _emit_unary("Sigmoid"),
    Kind.TANH: _emit_unary("Tanh"),
    Kind.HARD_SWISH: _emit_unary("HardSwish"),
    Kind.RELU: _emit_unary("Relu"),
    Kind.RELU6: _emit_relu6,
    Kind.ELU: _emit_unary("Elu"),
    Kind.SOFTMAX: _emit_softmax,
    Kind.FLOAT: _emit_float,
    Kind.QUANTIZE: lambda writer, op: writer.coded(writer.real(op.inputs[0], op), op),
    Kind.OUTPUTS: lambda writer, op: None,  # the file has them apart, see `finish`
}
