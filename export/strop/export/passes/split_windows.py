"""Takes depthwise windows apart that were merged into groups, with zeros between the weights.

`group_windows` merges them for XNNPACK, and others may write them so; ONNX Runtime's depthwise
kernel takes a tenth of the time of such groups (7x7, 14x14x96, groups of 8, x86).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from strop.export.ir.graph import Graph, Kind, Op, Tensor


def split_windows(graph: Graph) -> Graph:
    """Make each convolution depthwise whose every result reads one channel, its own.

    Args:
        graph: With all integers decided.

    Returns:
        A graph with the same result, to the code.
    """
    ops: list[Op] = []
    added: list[Tensor] = []
    for op in graph.ops:
        weights = _own_weights(graph, op)
        if weights is not None:
            added.append(weights)
            names = (op.inputs[0], weights.name, *op.inputs[2:])
            op = replace(op, kind=Kind.DEPTHWISE, inputs=names)
        ops.append(op)
    return graph.rewired(ops, added=added) if added else graph


def _own_weights(graph: Graph, op: Op) -> Tensor | None:
    """Weights [1, h, w, channels] of a depthwise convolution; None where it is none."""
    channels, results = (graph.tensors[name].shape[-1] for name in (op.inputs[0], op.output))
    if op.kind is not Kind.CONV or channels != results or graph.is_float(op):
        return None
    weights, codes, quant = (
        graph.tensors[op.inputs[1]],
        graph.codes(op.inputs[1]),
        graph.quant(op.inputs[1]),
    )
    read = codes.shape[3]
    own = np.arange(read) == (np.arange(results) % read)[:, np.newaxis]
    others = np.where(own[:, np.newaxis, np.newaxis], quant.zero_point, codes)
    if read < 2 or (others != quant.zero_point).any():
        return None
    found = codes[np.arange(results), :, :, np.arange(results) % read].transpose(1, 2, 0)
    return replace(
        weights,
        name=f"{weights.name}/own",
        shape=(1, *found.shape),
        codes=np.ascontiguousarray(found[np.newaxis]),
        quant=quant if quant.axis is None else replace(quant, axis=3),
    )
