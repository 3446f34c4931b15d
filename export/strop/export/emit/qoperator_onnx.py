"""Writes a quantized graph as .onnx of operations on integers, for programs that do not fuse QDQ.

OpenCV 4 computes in float what stands between quantizers, and what it rounds otherwise grows from
layer to layer; QLinearConv it computes in integers. What has no such form stays between quantizers.

Sources: QLinearConv of https://onnx.ai/onnx/operators/ ; QLinearAdd, QLinearMul and
QLinearGlobalAveragePool of https://github.com/microsoft/onnxruntime, docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from strop.export.emit.onnx import (
    COLUMNS,
    EMITTERS,
    conv_attributes,
    conv_order,
    convolution,
    slice_bounds,
)
from strop.export.emit.onnx_writer import OnnxWriter, codes_of
from strop.export.ir.channel_shuffle import expand_shuffles
from strop.export.ir.graph import CONVOLUTIONS, Graph, Kind, Op
from strop.export.options.choices import OnnxInput
from strop.export.passes.width_to_channels import merge_columns
from strop.export.quantize.quantize import QuantizedGraph

DOMAIN, VERSION = "com.microsoft", 1


def emit_qoperator_onnx(
    quantized: QuantizedGraph,
    metadata: Mapping[str, str],
    image: OnnxInput,
    outputs: Sequence[str] = ("scores",),
) -> bytes:
    """Write a .onnx: image in, float scores out, integer operations in between.

    Scores that a convolution or dense layer computes are its floats: their codes would make ties.

    Args:
        quantized: A graph with all integers decided.
        metadata: For the model's metadata_props.
        image: How it takes the image.
        outputs: What the outputs are called, where there are several.

    Returns:
        The serialized ModelProto.
    """
    graph = expand_shuffles(merge_columns(quantized.graph, COLUMNS))
    writer = _QoperatorWriter(graph, image)
    writer.domains[DOMAIN] = VERSION
    writer.add_image()
    scores = _scores_layer(graph)
    for op in graph.ops:
        if op is scores:
            _emit_scores(writer, op)
            break
        emit = QOPERATORS.get(op.kind) if _is_integer(writer, op) else None
        (emit or EMITTERS[op.kind])(writer, op)
    return writer.finish(metadata, outputs)


class _QoperatorWriter(OnnxWriter):
    """An ONNX graph for programs that know activations of reals only."""

    def limits_codes(self, op: Op) -> bool:
        return False


def _is_integer(writer: OnnxWriter, op: Op) -> bool:
    """Whether codes are all that an operation reads and writes, and saturation all that cuts it."""
    return not writer.graph.is_float(op) and writer.ends_by_itself(op)


def _scores_layer(graph: Graph) -> Op | None:
    """Find the int8 layer whose result, perhaps reshaped, is the scores [1, classes]."""
    op = graph.producer(graph.output)
    while op is not None and op.kind is Kind.RESHAPE:
        op = graph.producer(op.inputs[0])
    if op is None or op.kind not in CONVOLUTIONS or graph.is_float(op):
        return None
    return op if len(graph.tensors[graph.output].shape) == 2 else None


def _emit_scores(writer: OnnxWriter, op: Op) -> None:
    real = writer.limited(convolution(writer, op), op)
    scores = writer.graph.output
    writer.reals[scores] = writer.node("Flatten", [real], f"{scores}:flat", axis=1)


def _emit_convolution(writer: OnnxWriter, op: Op) -> None:
    graph = writer.graph
    weights, bias = (graph.tensors[name] for name in op.inputs[1:])
    codes = graph.codes(weights.name).transpose(conv_order(op))
    scales = np.array(graph.quant(weights.name).scales, np.float32)
    inputs = [
        *_coded(writer, op.inputs[0]),
        writer.constant(f"{weights.name}:codes", codes),
        writer.constant(f"{weights.name}:scale", scales),
        writer.constant(f"{weights.name}:zero_point", np.zeros(len(scales), codes.dtype)),
        *writer.scale_and_zero_point(op.output),
        writer.constant(f"{bias.name}:codes", graph.codes(bias.name)),
    ]
    attributes = conv_attributes(writer, op, op.pads)
    writer.node("QLinearConv", inputs, codes_of(op.output), **attributes)


def _emit_elementwise(writer: OnnxWriter, op: Op) -> None:
    rank = len(writer.graph.tensors[op.output].shape)
    operands = [word for name in op.inputs for word in _coded(writer, name, rank)]
    kind = "QLinearAdd" if op.kind is Kind.ADD else "QLinearMul"
    inputs = [*operands, *writer.scale_and_zero_point(op.output)]
    writer.node(kind, inputs, codes_of(op.output), domain=DOMAIN)


def _emit_mean(writer: OnnxWriter, op: Op) -> None:
    codes = codes_of(op.output)
    inputs = [*_coded(writer, op.inputs[0]), *writer.scale_and_zero_point(op.output)]
    pooled = codes if op.keep_dims else f"{op.output}:mean"
    writer.node("QLinearGlobalAveragePool", inputs, pooled, domain=DOMAIN, channels_last=0)
    if not op.keep_dims:
        writer.node("Flatten", [pooled], codes, axis=1)


def _emit_slice(writer: OnnxWriter, op: Op) -> None:
    """Slice reals: OpenCV 4 takes a slice of codes for floats."""
    inputs = [writer.real(op.inputs[0], op), *slice_bounds(writer, op)]
    writer.quantized(writer.node("Slice", inputs, f"{op.output}:slice"), op.output)


def _coded(writer: OnnxWriter, name: str, rank: int = 0) -> list[str]:
    """Codes, scale and zero point of an activation, or of a constant operand."""
    writer.code_constant(name, rank)
    return [codes_of(name), *writer.scale_and_zero_point(name)]


QOPERATORS: dict[Kind, Callable[[OnnxWriter, Op], None]] = {
    **dict.fromkeys(CONVOLUTIONS, _emit_convolution),
    Kind.ADD: _emit_elementwise,
    Kind.MUL: _emit_elementwise,
    Kind.MEAN: _emit_mean,
    Kind.SLICE: _emit_slice,
}
