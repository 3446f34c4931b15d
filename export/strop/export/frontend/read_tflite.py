"""Reads a float .tflite into a deploy graph.

TensorFlow's own converter is the front end: it inlines functions, folds batch
normalization and constants, and leaves some twenty kinds of operation, whatever Keras
or SavedModel the user brought. What it writes is read here.

Source: TensorFlow Lite schema, version 3,
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from strop.export.frontend.batch_first import batch_first
from strop.export.frontend.find_islands import find_islands, in_float, needs_float
from strop.export.frontend.find_slopes import join_slopes
from strop.export.frontend.no_int8_form import NoInt8FormError, no_int8_kernel
from strop.export.frontend.read_casts import read_cast
from strop.export.frontend.read_channel_picks import CHANNEL_PICKS
from strop.export.frontend.read_islands import flow_of, read_island, refuse_what_cannot_stay
from strop.export.frontend.read_limits import REWRITTEN
from strop.export.frontend.read_means import read_mean, read_sum
from strop.export.frontend.read_resizes import RESIZES
from strop.export.frontend.read_slices import (
    read_concatenation,
    read_slice,
    read_split,
    read_transpose,
)
from strop.export.frontend.read_tiles import read_tile
from strop.export.frontend.read_transpose_conv import read_transpose_conv
from strop.export.frontend.simplify import fold_constants, unfuse_limits
from strop.export.frontend.tflite_tensors import Reader, fused_activation
from strop.export.ir.channel_shuffle import join_shuffles
from strop.export.ir.graph import NO_PADS, Graph, Kind, Op, Pads, float_constant, same_pads
from strop.export.ir.outputs import with_outputs
from strop.export.ir.tflite_names import operator_name


def read_tflite(model: bytes) -> Graph:
    """Read a float32 .tflite of batch 1 as TFLiteConverter writes it.

    Args:
        model: The flatbuffer.

    Returns:
        The same function; padding is explicit, every linear operation has a bias. What has no
        int8 form is in FLOAT operations. Several outputs are one row, by an OUTPUTS operation.

    Raises:
        QuantizationError: An operation that can be neither in int8 nor in float between int8
            layers; it is named, with the place in the model that it came from.
    """
    packed = schema.ModelT.InitFromPackedBuf(model, 0)
    fold_constants(packed)
    unfuse_limits(packed)
    join_slopes(packed)
    reader = Reader(packed)
    refuse_what_cannot_stay(reader)
    graph = Graph(
        ops=(),
        tensors=reader.tensors,
        input=reader.names[reader.subgraph.inputs[0]],
        output=reader.names[reader.subgraph.outputs[0]],
    )
    ops = _read_operations(reader)
    graph = graph.rewired(ops, added=reader.tensors.values())
    graph = with_outputs(graph, [reader.names[index] for index in reader.outputs])
    return join_shuffles(batch_first(graph))


def _read_operations(reader: Reader) -> list[Op]:
    """Read each operation in its int8 form, or into a float island where it has none."""
    read: dict[int, list[Op]] = {}
    causes: dict[int, NoInt8FormError] = {}
    for place, packed in enumerate(reader.subgraph.operators):
        found = _ops(reader, packed)
        if isinstance(found, NoInt8FormError):
            causes[place] = found
        else:
            read[place] = found
    if not causes:
        return [op for ops in read.values() for op in ops]
    flow = flow_of(reader)
    marked = in_float(flow, causes)
    ops = []
    for places in find_islands(flow, marked):
        if marked.isdisjoint(places) or not needs_float(flow, places, causes):
            ops += [op for place in places for op in read[place]]
        else:
            ops += read_island(reader, places, causes)
    return ops


def _ops(reader: Reader, packed: Any) -> list[Op] | NoInt8FormError:
    """Read one operation for every result, or return why there is none."""
    name = operator_name(reader.model, packed)
    outputs = [reader.names[index] for index in packed.outputs]
    read = READERS.get(name)
    if read is None:
        return no_int8_kernel(outputs[0], name)
    try:
        found = [read(reader, packed, output) for output in outputs]
    except NoInt8FormError as err:
        return err
    return [op for ops in found for op in (ops if isinstance(ops, list) else [ops])]


def _stride(options: Any) -> tuple[int, int]:
    return (options.strideH, options.strideW)


def _dilation(options: Any) -> tuple[int, int]:
    return (options.dilationHFactor, options.dilationWFactor)


def _pads(
    padding: int,
    image: tuple[int, ...],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Pads:
    if padding == schema.Padding.VALID:
        return NO_PADS
    return same_pads((image[1], image[2]), window, stride, dilation)


def _read_convolution(reader: Reader, packed: Any, output: str, *, kind: Kind) -> Op:
    options = packed.builtinOptions
    image, weights = reader.shape(packed.inputs[0]), reader.shape(packed.inputs[1])
    stride, dilation = _stride(options), _dilation(options)
    return Op(
        kind=kind,
        inputs=_with_bias(reader, packed, output, weights[0 if kind is Kind.CONV else 3]),
        output=output,
        fused=fused_activation(options.fusedActivationFunction, output),
        stride=stride,
        dilation=dilation,
        pads=_pads(options.padding, image, (weights[1], weights[2]), stride, dilation),
    )


def _read_conv(reader: Reader, packed: Any, output: str) -> Op:
    return _read_convolution(reader, packed, output, kind=Kind.CONV)


def _read_depthwise(reader: Reader, packed: Any, output: str) -> Op:
    return _read_convolution(reader, packed, output, kind=Kind.DEPTHWISE)


def _read_dense(reader: Reader, packed: Any, output: str) -> Op:
    return Op(
        kind=Kind.DENSE,
        inputs=_with_bias(reader, packed, output, reader.shape(packed.inputs[1])[0]),
        output=output,
        fused=fused_activation(packed.builtinOptions.fusedActivationFunction, output),
    )


def _with_bias(reader: Reader, packed: Any, output: str, channels: int) -> tuple[str, ...]:
    """Return input, weights and a bias [channels], of zeros where the converter left it out."""
    names = reader.activations(packed)
    if reader.tensors[names[1]].data is None:
        raise NoInt8FormError(
            output, "its weights are computed by the model", "int8 needs them constant"
        )
    bias = f"{output}/bias"
    values = np.zeros(channels) if len(names) == 2 else reader.tensors[names[2]].data
    reader.tensors[bias] = float_constant(bias, np.reshape(np.asarray(values), channels))
    return (*names[:2], bias)


def _read_elementwise(kind: Kind) -> Callable[[Reader, Any, str], Op]:
    def read(reader: Reader, packed: Any, output: str) -> Op:
        fused = fused_activation(packed.builtinOptions.fusedActivationFunction, output)
        return Op(kind=kind, inputs=reader.activations(packed), output=output, fused=fused)

    return read


def _read_division(reader: Reader, packed: Any, output: str) -> Op:
    """Read x / constant as x * (1 / constant): engines have no int8 division."""
    image, divisor = reader.activations(packed)
    values = reader.tensors[divisor].data
    if values is None:
        raise NoInt8FormError(output, "DIV by a computed tensor", "divide by a constant")
    factor = f"{output}/reciprocal"
    reader.tensors[factor] = float_constant(factor, 1.0 / values)
    fused = fused_activation(packed.builtinOptions.fusedActivationFunction, output)
    return Op(kind=Kind.MUL, inputs=(image, factor), output=output, fused=fused)


def _read_pool(kind: Kind) -> Callable[[Reader, Any, str], Op]:
    def read(reader: Reader, packed: Any, output: str) -> Op:
        options = packed.builtinOptions
        window, stride = (options.filterHeight, options.filterWidth), _stride(options)
        return Op(
            kind=kind,
            inputs=reader.activations(packed),
            output=output,
            fused=fused_activation(options.fusedActivationFunction, output),
            stride=stride,
            window=window,
            pads=_pads(options.padding, reader.shape(packed.inputs[0]), window, stride),
        )

    return read


def _read_pad(reader: Reader, packed: Any, output: str) -> Op:
    amounts = reader.constant(packed.inputs[1])
    if amounts is None or amounts.shape != (4, 2) or amounts[[0, 3]].any():
        raise NoInt8FormError(
            output,
            "padding of other than rows and columns by a fixed amount",
            "int8 padding is that of ZeroPadding2D",
        )
    (top, bottom), (left, right) = amounts[1:3].tolist()
    return Op(
        kind=Kind.PAD,
        inputs=reader.activations(packed)[:1],
        output=output,
        pads=((top, bottom), (left, right)),
    )


def _read_softmax(reader: Reader, packed: Any, output: str) -> Op:
    """Read one at an end, which the runtime applies: int8 kernels of the engines differ."""
    result = int(packed.outputs[0])
    if result not in reader.outputs or any(result in op.inputs for op in reader.subgraph.operators):
        raise NoInt8FormError(
            output, "a SOFTMAX before the end", "the engines' int8 softmaxes are not the same"
        )
    return Op(kind=Kind.SOFTMAX, inputs=reader.activations(packed)[:1], output=output)


def _read_unary(kind: Kind) -> Callable[[Reader, Any, str], Op]:
    def read(reader: Reader, packed: Any, output: str) -> Op:
        return Op(kind=kind, inputs=reader.activations(packed)[:1], output=output)

    return read


READERS: dict[str, Callable[[Reader, Any, str], Op | list[Op]]] = {
    "CONV_2D": _read_conv,
    "DEPTHWISE_CONV_2D": _read_depthwise,
    "FULLY_CONNECTED": _read_dense,
    "ADD": _read_elementwise(Kind.ADD),
    "SUB": _read_elementwise(Kind.SUB),
    "MUL": _read_elementwise(Kind.MUL),
    "DIV": _read_division,
    "MEAN": read_mean,
    "SUM": read_sum,
    "CAST": read_cast,
    **CHANNEL_PICKS,
    **REWRITTEN,
    "TILE": read_tile,
    **RESIZES,
    "TRANSPOSE_CONV": read_transpose_conv,
    "MAX_POOL_2D": _read_pool(Kind.MAX_POOL),
    "AVERAGE_POOL_2D": _read_pool(Kind.AVERAGE_POOL),
    "PAD": _read_pad,
    "CONCATENATION": read_concatenation,
    "TRANSPOSE": read_transpose,
    "SLICE": read_slice,
    "SPLIT": read_split,
    "SPLIT_V": read_split,
    **{name: _read_unary(Kind.RESHAPE) for name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")},
    **{
        kind.value: _read_unary(kind)
        for kind in (
            Kind.LOGISTIC,
            Kind.TANH,
            Kind.HARD_SWISH,
            Kind.RELU,
            Kind.RELU6,
            Kind.ELU,
        )
    },
    "SOFTMAX": _read_softmax,
}
