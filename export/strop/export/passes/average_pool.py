"""Replaces poolings by operations that XNNPACK has in int8.

It has no int8 AVERAGE_POOL_2D, which would split the graph. Over the whole image it is a
MEAN; elsewhere a depthwise convolution with equal weights, whose kernels round all alike, so
that an even number of pixels makes no difference between the engines. Padding does not count in
an average, so that behind a padded one the border is multiplied by what is missing there.

Nor has it a MAX_POOL_2D of single pixels, which only leaves some out: that is a depthwise
convolution with ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from strop.export.ir.graph import NO_PADS, Array, Fused, Graph, Kind, Op, Tensor, float_constant


def replace_pools(graph: Graph) -> Graph:
    """Replace every average pooling, and every pooling of single pixels.

    Args:
        graph: A float graph.

    Returns:
        The same function.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        is_single = op.kind is Kind.MAX_POOL and op.window == (1, 1)
        if op.kind is not Kind.AVERAGE_POOL and not is_single:
            ops.append(op)
            continue
        _, rows, columns, channels = graph.tensors[op.inputs[0]].shape
        is_whole = op.window == (rows, columns) and op.pads == NO_PADS
        if is_whole and not is_single and op.fused is Fused.NONE:
            ops.append(Op(kind=Kind.MEAN, inputs=op.inputs, output=op.output))
            continue
        equal = np.full((1, *op.window, channels), 1 / np.prod(op.window))
        weights = float_constant(f"{op.output}/equal", equal)
        bias = float_constant(f"{op.output}/none", np.zeros(channels))
        added += [weights, bias]
        average = Op(
            kind=Kind.DEPTHWISE,
            inputs=(*op.inputs, weights.name, bias.name),
            output=op.output,
            fused=op.fused,
            stride=op.stride,
            pads=op.pads,
        )
        if op.pads == NO_PADS:
            ops.append(average)
            continue
        sums = replace(graph.tensors[op.output], name=f"{op.output}/padded")
        missing = float_constant(f"{op.output}/missing", missing_at_border((rows, columns), op))
        added += [sums, missing]
        ops += [
            replace(average, output=sums.name),
            Op(kind=Kind.MUL, inputs=(sums.name, missing.name), output=op.output),
        ]
    return graph.rewired(ops, added=added)


def missing_at_border(size: tuple[int, ...], op: Op) -> Array:
    """Divide a window's pixels by those inside the image.

    Args:
        size: Rows and columns of the image.
        op: Has the window, its stride and the padding.

    Returns:
        float64 [1, rows, columns, 1] of the result.
    """
    shares = []
    for length, (before, after), taps, step in zip(
        size, op.pads, op.window, op.stride, strict=True
    ):
        is_inside = np.pad(np.ones(length), (before, after))
        counts = np.lib.stride_tricks.sliding_window_view(is_inside, taps)[::step].sum(1)
        shares.append(taps / counts)
    found: Array = np.outer(*shares)[None, :, :, None]
    return found
