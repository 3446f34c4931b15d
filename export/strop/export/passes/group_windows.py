"""Merges groups of channels that are smaller than an engine's kernels, zeros between the weights.

All sums hold the same products.

XNNPACK's depthwise kernels of int8 have 3, 9 and 25 taps, on every processor. A wider window, as
the 7x7 of NASNet and ConvNeXt, and any other convolution in groups, is computed as a matrix product
for each group, whose kernels take 4 or 8 channels at a time and give 8 or 16, so that small groups
are multiplied by zeros. Merged into groups of some 8 channels, the same product computes the whole
group.

ONNX Runtime has a kernel for depthwise windows of any size. For every other group it gathers the
windows into a matrix, with a copy for each tap of each pixel, and multiplies that: groups of 2
channels take 5.5 times as long as the same merged to 16, of 4 three times, of 8 1.7 times (3x3 and
1x1, x86). With 32 channels ResNeXt's would take 0.9 of that, but multiply twice as much, for which
Arm without dot products has no instruction to spare.

Sources: XNNPACK, src/configs/dwconv-config.c, init_qs8_qc8w_dwconv_config; gemm-config.c,
init_qs8_qc8w_gemm_config; src/operators/convolution-nhwc.c, find_dwconv_ukernel and
create_convolution2d_nhwc. ONNX Runtime, core/providers/cpu/quantization/qlinearconv.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, prod

import numpy as np

from strop.export.ir.graph import CONVOLUTIONS, Graph, Kind, Op, Tensor, conv_groups


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupKernels:
    """How an engine computes convolutions in groups.

    Attributes:
        depthwise_taps: Windows of one channel have a kernel of their own up to so many taps.
        work: From how many channels a group reads and makes, what it takes, in any unit.
    """

    depthwise_taps: float
    work: Callable[[int, int], int]


# What XNNPACK's matrix kernels round up to: channels that go in, and that come out. x86 with VNNI
# has 8 and 16, Arm with dot products 4 and 16, Arm without 8 and 8.
READ, MADE = 8, 16
# Gathering a group in ONNX Runtime takes as long as so many products of each tap.
GATHERED = 16 * 16
XNNPACK = GroupKernels(
    depthwise_taps=25, work=lambda read, made: -(-read // READ) * READ * -(-made // MADE) * MADE
)
ONNXRUNTIME = GroupKernels(depthwise_taps=inf, work=lambda read, made: GATHERED + read * made)


def group_windows(graph: Graph, kernels: GroupKernels) -> Graph:
    """Merge the groups of convolutions, but for those that a depthwise kernel computes.

    Args:
        graph: With all integers decided.
        kernels: Of the engine.

    Returns:
        A graph with the same result, to the code; the weights of what is merged have as many
        times more bytes as a group has become larger.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        merged = merged_groups(graph, op, kernels)
        if merged > 1:
            weights = _spread(graph, op, merged)
            added.append(weights)
            op = replace(op, kind=Kind.CONV, inputs=(op.inputs[0], weights.name, *op.inputs[2:]))
        ops.append(op)
    return graph.rewired(ops, added=added) if added else graph


def merged_groups(graph: Graph, op: Op, kernels: GroupKernels) -> int:
    """Return how many groups of an operation are to be computed as one; 1 for each on its own."""
    if op.kind not in CONVOLUTIONS or graph.is_float(op):
        return 1
    weights = graph.tensors[op.inputs[1]]
    groups, read, made = _groups(graph, op)
    has_kernel = read == made == 1 and prod(weights.shape[1:3]) <= kernels.depthwise_taps
    # Between the weights stand codes 0.
    if has_kernel or graph.quant(weights.name).zero_point:
        return 1
    counts = (count for count in range(1, groups + 1) if groups % count == 0)
    return min(counts, key=lambda count: kernels.work(count * read, count * made) / count)


def _groups(graph: Graph, op: Op) -> tuple[int, int, int]:
    """Return how many groups there are, and how many channels each reads and makes."""
    channels, results = (graph.tensors[name].shape[3] for name in (op.inputs[0], op.output))
    is_depthwise = op.kind is Kind.DEPTHWISE
    groups = channels if is_depthwise else conv_groups(graph, op)
    return groups, channels // groups, results // groups


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
