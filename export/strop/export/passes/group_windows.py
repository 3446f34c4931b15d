"""Merges groups of channels that are smaller than XNNPACK's kernels, zeros between the weights.

Its depthwise kernels of int8 have 3, 9 and 25 taps, on every processor. A wider window, as the 7x7
of NASNet and ConvNeXt, and any other convolution in groups, is computed as a matrix product for
each group, whose kernels take 4 or 8 channels at a time and give 8 or 16, so that small groups are
multiplied by zeros. Merged into groups of some 8 channels, with zeros between the weights, the same
product computes the whole group: all sums hold the same products.

Sources: XNNPACK, src/configs/dwconv-config.c, init_qs8_qc8w_dwconv_config; gemm-config.c,
init_qs8_qc8w_gemm_config; src/operators/convolution-nhwc.c, find_dwconv_ukernel and
create_convolution2d_nhwc.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from strop.export.ir.graph import CONVOLUTIONS, Graph, Kind, Op, Tensor, conv_groups

MOST_TAPS = 25  # of a depthwise kernel
# What matrix kernels of int8 round up to: channels that go in, and that come out. x86 with VNNI has
# 8 and 16, Arm with dot products 4 and 16, Arm without 8 and 8.
READ, MADE = 8, 16


def group_windows(graph: Graph, most_taps: int = MOST_TAPS) -> Graph:
    """Merge the groups of convolutions, but for those that a depthwise kernel computes.

    Args:
        graph: With all integers decided.
        most_taps: Depthwise windows up to so many stay.

    Returns:
        A graph with the same result, to the code; the weights of what is merged have as many
        times more bytes as a group has become larger.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        merged = merged_groups(graph, op, most_taps)
        if merged > 1:
            weights = _spread(graph, op, merged)
            added.append(weights)
            op = replace(op, kind=Kind.CONV, inputs=(op.inputs[0], weights.name, *op.inputs[2:]))
        ops.append(op)
    return graph.rewired(ops, added=added) if added else graph


def merged_groups(graph: Graph, op: Op, most_taps: int = MOST_TAPS) -> int:
    """Return how many groups of an operation are to be computed as one; 1 for each on its own."""
    if op.kind not in CONVOLUTIONS or graph.is_float(op):
        return 1
    weights = graph.tensors[op.inputs[1]]
    groups, read, made = _groups(graph, op)
    has_kernel = read == made == 1 and prod(weights.shape[1:3]) <= most_taps
    # Between the weights stand codes 0.
    if has_kernel or graph.quant(weights.name).zero_point:
        return 1
    counts = (count for count in range(1, groups + 1) if groups % count == 0)
    return min(counts, key=lambda count: _work(count * read, count * made) / count)


def _groups(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Return how many groups there are, and how many channels each reads and makes."""
    channels, results = (graph.tensors[name].shape[3] for name in (op.inputs[0], op.output))
    is_depthwise = op.kind is Kind.DEPTHWISE
    groups = channels if is_depthwise else conv_groups(graph, op)
    return groups, channels // groups, results // groups


def _work(read: int, made: int) -> int:
    """Products of a kernel for each pixel and tap of a group."""
    return -(-read // READ) * READ * -(-made // MADE) * MADE


def _spread(graph: Graph, op: Op, merged: int) -> Tensor:
    """Weights [out, h, w, read by a group] for merged groups, each in its place of these."""
    weights, codes = graph.tensors[op.inputs[1]], graph.codes(op.inputs[1])
    quant = graph.quant(weights.name)
    _, read, made = _groups(graph, op)
    if op.kind is Kind.DEPTHWISE:
        codes = codes.transpose(3, 1, 2, 0)
    spread = np.zeros((*codes.shape[:3], merged, read), codes.dtype)
    results = np.arange(len(codes))
    spread[results, :, :, results // made % merged] = codes
    shape = (*codes.shape[:3], merged * read)
    return replace(
        weights,
        name=f"{weights.name}/groups",
        shape=shape,
        codes=spread.reshape(shape),
        quant=quant if quant.axis is None else replace(quant, axis=0),
    )
