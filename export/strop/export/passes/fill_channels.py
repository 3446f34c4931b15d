"""Fills the channels around depthwise convolutions up to whole vectors of ONNX Runtime's kernel.

It computes 16 channels at a time, then 8, and the rest one by one. A 3x3 between convolutions of
1x1 to and from 32 channels takes, with all three filled up to 16 (x86), 0.30 to 0.41 of what it
takes with 11 channels, 0.85 of 8, 0.57 of 4 and 0.56 of 2. The layers in front give channels of
zeros in addition, and the layers behind multiply them by zeros: all other results stay the same, to
the code.

Source: onnxruntime/core/mlas/lib/qdwconv.cpp, MlasConvDepthwiseKernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from strop.export.ir.graph import ELEMENTWISE, Graph, Kind, Op, QuantParams, Tensor, conv_groups
from strop.export.passes.channel_readers import CHANNELS, image_of, is_channelwise

VECTOR = 16


def fill_channels(graph: Graph) -> Graph:
    """Give depthwise convolutions multiples of 16 channels, where convolutions stand around them.

    Args:
        graph: With all integers decided.

    Returns:
        A graph with the same result, to the code; some of its tensors have more channels.
    """
    more: dict[str, int] = {}
    for group in graph.joined_by(lambda op: _carried(graph, op)):
        missing = _missing(graph, group)
        if missing:
            more |= dict.fromkeys(group, missing)
    if not more:
        return graph
    ops: list[Op] = []
    tensors = [_filled(graph.tensors[name], CHANNELS, count) for name, count in more.items()]
    for op in graph.ops:
        constants = _constants(graph, op, more)
        tensors += constants.values()
        names = (constants[name].name if name in constants else name for name in op.inputs)
        ops.append(replace(op, inputs=tuple(names)))
    return graph.rewired(ops, added=tensors)


def _carried(graph: Graph, op: Op) -> tuple[str, ...]:
    """Return the inputs that have a channel for each of the result's, one that depends on it."""
    if is_channelwise(graph, op):
        return (image_of(graph, op),)
    shapes = [graph.tensors[name].shape for name in (*op.inputs, op.output)]
    is_same = all(len(shape) == CHANNELS + 1 for shape in shapes)
    if op.kind not in ELEMENTWISE or not is_same or any(map(graph.is_constant, op.inputs)):
        return ()
    return op.inputs if len({shape[CHANNELS] for shape in shapes}) == 1 else ()


def _missing(graph: Graph, group: list[str]) -> int:
    """How many channels a group of tensors lacks; 0 where it is to stay as it is."""
    shape = graph.tensors[group[0]].shape
    if len(shape) != CHANNELS + 1:
        return 0
    if not {graph.input, graph.output}.isdisjoint(group):
        return 0
    members = set(group)
    around = [op for op in graph.ops if not members.isdisjoint((*op.inputs, op.output))]
    if not any(op.kind is Kind.DEPTHWISE for op in around) or any(map(graph.is_float, around)):
        return 0
    are_whole = all(
        (op.kind is Kind.CONV and conv_groups(graph, op) == 1) or _carried(graph, op)
        for op in around
    )
    return -shape[CHANNELS] % VECTOR if are_whole else 0


def _constants(graph: Graph, op: Op, more: Mapping[str, int]) -> dict[str, Tensor]:
    """An operation's constants for more channels, by their old names."""
    read, made = more.get(image_of(graph, op), 0), more.get(op.output, 0)
    found: dict[str, Tensor] = {}
    for name in op.inputs:
        tensor = graph.tensors[name]
        if not graph.is_constant(name):
            continue
        if op.kind is Kind.CONV and len(tensor.shape) == CHANNELS + 1:
            tensor = _filled(_filled(tensor, CHANNELS, read), 0, made)
        elif tensor.shape and tensor.shape[-1] == graph.tensors[op.output].shape[-1]:
            tensor = _filled(tensor, len(tensor.shape) - 1, made)
        if tensor is not graph.tensors[name]:
            found[name] = replace(tensor, name=f"{name}/{op.output}/filled")
    return found


def _filled(tensor: Tensor, axis: int, count: int) -> Tensor:
    """A tensor with `count` more zeros along an axis."""
    if not count:
        return tensor
    shape = tuple(side + count * (at == axis) for at, side in enumerate(tensor.shape))
    codes, quant = tensor.codes, tensor.quant
    if codes is not None:
        zero = 0 if quant is None else quant.zero_point  # not 0 in uint8 files of others
        amounts = [(0, count * (at == axis)) for at in range(codes.ndim)]
        codes = np.pad(codes, amounts, constant_values=zero)
    if quant is not None and quant.axis == axis:
        quant = _repeated(quant, count)
    return replace(tensor, shape=shape, codes=codes, quant=quant)


def _repeated(quant: QuantParams, count: int) -> QuantParams:
    return replace(quant, scales=(*quant.scales, *quant.scales[-1:] * count))
