"""Writes depthwise convolutions with wide windows as convolutions in groups, for XNNPACK.

Its depthwise kernels of int8 have 3, 9 and 25 taps, on every processor. A wider window, as the 7x7
of NASNet and ConvNeXt, is computed as a matrix product for each channel, whose kernels take 4 or 8
channels at a time and give 8 or 16, so that they multiply by zeros. In groups of some 8 channels,
with zeros between the weights, the same product computes the whole group: all sums hold the same
products.

Sources: XNNPACK, src/configs/dwconv-config.c, init_qs8_qc8w_dwconv_config; gemm-config.c,
init_qs8_qc8w_gemm_config; src/operators/convolution-nhwc.c, find_dwconv_ukernel and
create_convolution2d_nhwc.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from strop.export.ir.graph import Graph, Kind, Op, Tensor

MOST_TAPS = 25  # of a depthwise kernel
# What matrix kernels of int8 round up to: channels that go in, and that come out. x86 with VNNI has
# 8 and 16, Arm with dot products 4 and 16, Arm without 8 and 8.
READ, MADE = 8, 16


def group_windows(graph: Graph, most_taps: int = MOST_TAPS) -> Graph:
    """Write depthwise convolutions of more taps than a kernel has as convolutions in groups.

    Args:
        graph: With all integers decided.
        most_taps: Windows up to so many stay.

    Returns:
        A graph with the same result, to the code; its weights of such windows have as many
        times more bytes as a group has channels.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        size = group_size(graph, op, most_taps)
        if size > 1:
            weights = _spread(graph.tensors[op.inputs[1]], size)
            added.append(weights)
            op = replace(op, kind=Kind.CONV, inputs=(op.inputs[0], weights.name, *op.inputs[2:]))
        ops.append(op)
    return graph.rewired(ops, added=added) if added else graph


def group_size(graph: Graph, op: Op, most_taps: int = MOST_TAPS) -> int:
    """Return how many channels of an operation are to be computed together; 1 for no other way."""
    if op.kind is not Kind.DEPTHWISE or graph.is_float(op):
        return 1
    weights = graph.tensors[op.inputs[1]]
    channels = weights.shape[3]
    is_wide = prod(weights.shape[1:3]) > most_taps
    # Between the weights stand codes 0.
    is_symmetric = not graph.quant(weights.name).zero_point
    if not is_wide or not is_symmetric or channels != graph.tensors[op.inputs[0]].shape[3]:
        return 1
    sizes = (size for size in range(1, channels + 1) if channels % size == 0)
    return min(sizes, key=_work)


def _work(size: int) -> float:
    """Products for each channel and tap, of a group of so many channels."""
    return -(-size // READ) * READ * -(-size // MADE) * MADE / size


def _spread(weights: Tensor, size: int) -> Tensor:
    """Weights [1, h, w, C] as [C, h, w, size], each channel in its place of the group."""
    codes = weights.codes
    if codes is None or weights.quant is None:
        raise KeyError(f"{weights.name} has no integers")
    channels = np.arange(codes.shape[3])
    spread = np.zeros((len(channels), *codes.shape[1:3], size), codes.dtype)
    spread[channels, :, :, channels % size] = codes[0].transpose(2, 0, 1)
    quant = weights.quant if weights.quant.axis is None else replace(weights.quant, axis=0)
    name = f"{weights.name}/groups"
    return replace(weights, name=name, shape=spread.shape, codes=spread, quant=quant)
