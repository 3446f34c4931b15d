"""Write average pooling in operations that XNNPACK has in int8.

It has no int8 AVERAGE_POOL_2D, which would split the graph. Over the whole image it is a
MEAN; elsewhere a depthwise convolution with equal weights, whose kernels round all alike, so
that an even number of pixels makes no difference between the engines. Padding does not count
in an average, so that a padded pooling stays one.
"""

from __future__ import annotations

import numpy as np

from strop.export.graph import NO_PADS, Fused, Graph, Kind, Op, Tensor, float_constant


def replace_average_pools(graph: Graph) -> Graph:
    """Replace every average pooling without padding.

    Args:
        graph: A float graph.

    Returns:
        The same function.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        if op.kind is not Kind.AVERAGE_POOL or op.pads != NO_PADS:
            ops.append(op)
            continue
        _, rows, columns, channels = graph.tensors[op.inputs[0]].shape
        if op.window == (rows, columns) and op.fused is Fused.NONE:
            ops.append(Op(kind=Kind.MEAN, inputs=op.inputs, output=op.output))
            continue
        equal = np.full((1, *op.window, channels), 1 / np.prod(op.window))
        weights = float_constant(f"{op.output}/equal", equal)
        bias = float_constant(f"{op.output}/none", np.zeros(channels))
        added += [weights, bias]
        ops.append(
            Op(
                kind=Kind.DEPTHWISE,
                inputs=(*op.inputs, weights.name, bias.name),
                output=op.output,
                fused=op.fused,
                stride=op.stride,
            )
        )
    return graph.rewired(ops, added=added)
