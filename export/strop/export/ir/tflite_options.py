"""Builds what a TFLite operator holds beside its tensors: options, and shapes as inputs.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.ir.graph import (
    CONVOLUTIONS,
    ELEMENTWISE,
    NO_PADS,
    POOLS,
    Array,
    Fused,
    Graph,
    Kind,
    Op,
    Pads,
    same_pads,
)
from strop.export.kernels.bilinear import Coordinates

SLICES = frozenset({Kind.SLICE, Kind.CROP})
REST = -1  # of RESHAPE's shape: all that is left
WHOLE_BATCH = 1  # of STRIDED_SLICE's masks: the first dimension from its begin to its end
CODES = {
    Fused.NONE: schema.ActivationFunctionType.NONE,
    Fused.RELU: schema.ActivationFunctionType.RELU,
    Fused.RELU6: schema.ActivationFunctionType.RELU6,
}


def operator_of(op: Op) -> str:
    """Return TFLite's name of what computes an operation.

    SLICE's kernel keeps to the one image that its result's shape says, and XNNPACK refuses a
    shape that is left open. Source: tensorflow/lite/kernels/slice.cc, Prepare.
    """
    return "STRIDED_SLICE" if op.kind in SLICES else op.kind.value


def options_of(graph: Graph, op: Op) -> Any:
    """The operation's builtin options, or None where it has none."""
    return OPTIONS[op.kind](graph, op) if op.kind in OPTIONS else None


def shape_inputs(graph: Graph, op: Op) -> list[Array]:
    """Constant int32 inputs that carry what are attributes in the deploy graph."""
    if op.kind is Kind.RESHAPE:
        return [np.array(_any_batch(graph, op), np.int32)]
    if op.kind is Kind.PAD:
        return [np.array([(0, 0), *op.pads, (0, 0)], np.int32)]
    if op.kind is Kind.BILINEAR:
        return [np.array(graph.tensors[op.output].shape[1:3], np.int32)]
    if op.kind is Kind.MEAN:
        return [np.array([1, 2], np.int32)]
    if op.kind is Kind.TRANSPOSE:
        return [np.array(op.order, np.int32)]
    if op.kind in SLICES:
        begins = np.array(op.corner if op.kind is Kind.CROP else (0, 0, 0, op.begin), np.int32)
        ends = begins + np.array(graph.tensors[op.output].shape, np.int32)
        return [begins, ends, np.ones_like(begins)]
    return []


def _any_batch(graph: Graph, op: Op) -> tuple[int, ...]:
    """The shape of the result; images, or the pixels of all of them, are in front."""
    return (REST, *graph.tensors[op.output].shape[1:])


def with_tflite_padding(graph: Graph) -> Graph:
    """Padding that is neither SAME nor VALID becomes a PAD operation of its own."""
    ops: list[Op] = []
    added = []
    for op in graph.ops:
        if op.kind not in CONVOLUTIONS or op.pads in (NO_PADS, pads_of_same(graph, op)):
            ops.append(op)
            continue
        image = graph.tensors[op.inputs[0]]
        _, rows, columns, channels = image.shape
        (top, bottom), (left, right) = op.pads
        padded = replace(
            image,
            name=f"{op.output}/padded",
            shape=(1, rows + top + bottom, columns + left + right, channels),
        )
        added.append(padded)
        ops += [
            Op(kind=Kind.PAD, inputs=(image.name,), output=padded.name, pads=op.pads),
            replace(op, inputs=(padded.name, *op.inputs[1:]), pads=NO_PADS),
        ]
    return graph.rewired(ops, added=added)


def pads_of_same(graph: Graph, op: Op) -> Pads:
    """Return the padding that SAME means at this operation."""
    _, rows, columns, _ = graph.tensors[op.inputs[0]].shape
    window = op.window
    if op.kind in CONVOLUTIONS:
        _, *taps, _ = graph.tensors[op.inputs[1]].shape
        window = (taps[0], taps[1])
    return same_pads((rows, columns), window, op.stride, op.dilation)


def _padding(graph: Graph, op: Op) -> int:
    is_same = op.pads != NO_PADS and op.pads == pads_of_same(graph, op)
    return int(schema.Padding.SAME if is_same else schema.Padding.VALID)


def _conv_options(graph: Graph, op: Op) -> Any:
    options = schema.Conv2DOptionsT()
    _set_window_options(options, graph, op)
    options.dilationHFactor, options.dilationWFactor = op.dilation
    return options


def _depthwise_options(graph: Graph, op: Op) -> Any:
    options = schema.DepthwiseConv2DOptionsT()
    _set_window_options(options, graph, op)
    options.dilationHFactor, options.dilationWFactor = op.dilation
    inputs = graph.tensors[op.inputs[0]].shape[3]
    options.depthMultiplier = graph.tensors[op.output].shape[3] // inputs
    return options


def _dense_options(graph: Graph, op: Op) -> Any:
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = CODES[op.fused]
    options.keepNumDims = len(graph.tensors[op.output].shape) > 2
    return options


def _pool_options(graph: Graph, op: Op) -> Any:
    options = schema.Pool2DOptionsT()
    _set_window_options(options, graph, op)
    options.filterHeight, options.filterWidth = op.window
    return options


def _set_window_options(options: Any, graph: Graph, op: Op) -> None:
    options.padding = _padding(graph, op)
    options.strideH, options.strideW = op.stride
    options.fusedActivationFunction = CODES[op.fused]


def _elementwise_options(graph: Graph, op: Op) -> Any:
    del graph
    kinds = {
        Kind.ADD: schema.AddOptionsT,
        Kind.SUB: schema.SubOptionsT,
        Kind.MUL: schema.MulOptionsT,
    }
    options = kinds[op.kind]()
    options.fusedActivationFunction = CODES[op.fused]
    return options


def _mean_options(graph: Graph, op: Op) -> Any:
    del graph
    options = schema.ReducerOptionsT()
    options.keepDims = op.keep_dims
    return options


def _reshape_options(graph: Graph, op: Op) -> Any:
    options = schema.ReshapeOptionsT()
    options.newShape = list(_any_batch(graph, op))
    return options


def _concatenation_options(graph: Graph, op: Op) -> Any:
    del graph
    options = schema.ConcatenationOptionsT()
    options.axis = op.axis
    options.fusedActivationFunction = CODES[op.fused]
    return options


def _transpose_options(graph: Graph, op: Op) -> Any:
    del graph, op
    return schema.TransposeOptionsT()


def _bilinear_options(graph: Graph, op: Op) -> Any:
    del graph
    options = schema.ResizeBilinearOptionsT()
    options.alignCorners = op.coordinates is Coordinates.ALIGN_CORNERS
    options.halfPixelCenters = op.coordinates is Coordinates.HALF_PIXEL
    return options


def _slice_options(graph: Graph, op: Op) -> Any:
    """All images of a batch, and of the other dimensions from begin to end."""
    del graph, op
    options = schema.StridedSliceOptionsT()
    options.beginMask = options.endMask = WHOLE_BATCH
    return options


def _softmax_options(graph: Graph, op: Op) -> Any:
    del graph, op
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options


OPTIONS: dict[Kind, Callable[[Graph, Op], Any]] = {
    Kind.CONV: _conv_options,
    Kind.DEPTHWISE: _depthwise_options,
    Kind.DENSE: _dense_options,
    **dict.fromkeys(POOLS, _pool_options),
    **dict.fromkeys(ELEMENTWISE, _elementwise_options),
    Kind.BILINEAR: _bilinear_options,
    Kind.MEAN: _mean_options,
    Kind.RESHAPE: _reshape_options,
    Kind.CONCATENATION: _concatenation_options,
    Kind.TRANSPOSE: _transpose_options,
    **dict.fromkeys(SLICES, _slice_options),
    Kind.SOFTMAX: _softmax_options,
}
