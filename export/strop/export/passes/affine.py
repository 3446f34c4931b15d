"""Reads sums and products with constants as x * factor + term, channel by channel."""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import ELEMENTWISE, Array, Fused, Graph, Kind, Op


def leading_normalization(graph: Graph) -> tuple[list[Op], Array, Array]:
    """Operations between the input and the first other one, as x * scale + offset per channel."""
    channels = graph.tensors[graph.input].shape[-1]
    scale, offset = np.ones(channels), np.zeros(channels)
    chain: list[Op] = []
    name = graph.input
    while True:
        readers = graph.consumers(name)
        step = affine(graph, readers[0], name, channels) if len(readers) == 1 else None
        if step is None:
            return chain, scale, offset
        factor, term = step
        scale, offset = scale * factor, offset * factor + term
        chain.append(readers[0])
        name = readers[0].output


def affine(graph: Graph, op: Op, name: str, channels: int) -> tuple[Array, Array] | None:
    """`op` as name * factor + term, per channel; None if it is anything else."""
    if op.kind not in ELEMENTWISE or op.fused is not Fused.NONE:
        return None
    left, right = op.inputs
    other = right if left == name else left
    data = graph.tensors[other].data
    if data is None or data.size not in (1, channels):
        return None
    if data.size == channels > 1 and data.shape[-1] != channels:
        return None
    value = np.broadcast_to(data.astype(np.float64).reshape(-1), (channels,))
    one, zero = np.ones(channels), np.zeros(channels)
    if op.kind is Kind.MUL:
        return value, zero
    if op.kind is Kind.ADD:
        return one, value
    return (one, -value) if left == name else (-one, value)
