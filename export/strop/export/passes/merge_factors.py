"""Multiplies factors of channels into the linear layer in front of them, or those behind them.

Layer scales are such factors, and the signs of a PReLU: depthwise kernels of one pixel beside a
convolution. In int8 each of them would read and write all values again, and round them a second
time.
"""

from __future__ import annotations

from dataclasses import replace

from strop.export.ir.graph import (
    CONVOLUTIONS,
    LINEAR,
    NO_PADS,
    Fused,
    Graph,
    Kind,
    Op,
    at_inputs,
    float_constant,
)

ONE = (1, 1)


def merge_factors(graph: Graph) -> Graph:
    """Merge every depthwise convolution of one pixel with the linear layer whose result it reads.

    One without terms, that reads another result, is merged with the convolutions that read its own.

    Args:
        graph: A float graph.

    Returns:
        The same function; what others read, or an activation bends, is left as it is.
    """
    for op in graph.ops:
        if not _is_factors(graph, op):
            continue
        source = host_of_factors(graph, op.inputs[0])
        if source is not None:
            return merge_factors(_merged(graph, source, op))
        if _goes_behind(graph, op):
            return merge_factors(_merged_behind(graph, op))
    return graph


def host_of_factors(graph: Graph, name: str) -> Op | None:
    """Return the linear layer that takes up factors of its result; None where there is none."""
    source = graph.producer(name)
    if source is None or source.kind not in LINEAR or source.fused is not Fused.NONE:
        return None
    is_read_once = len(graph.consumers(name)) == 1 and name != graph.output
    return source if is_read_once else None


def _is_factors(graph: Graph, op: Op) -> bool:
    if op.kind is not Kind.DEPTHWISE or op.stride != ONE or op.pads != NO_PADS:
        return False
    shape = graph.tensors[op.inputs[1]].shape
    return shape[1:3] == ONE and shape[3] == graph.tensors[op.inputs[0]].shape[3]


def _merged(graph: Graph, source: Op, op: Op) -> Graph:
    weights, bias = (graph.data(name) for name in source.inputs[1:3])
    factors, shift = graph.data(op.inputs[1]).reshape(-1), graph.data(op.inputs[2])
    # The channels of the result come last in a depthwise convolution's weights, first in others'.
    sides = (-1,) if source.kind is Kind.DEPTHWISE else (-1, *[1] * (weights.ndim - 1))
    weights = weights * factors.reshape(sides)
    added = [
        float_constant(f"{op.output}/merged_weights", weights),
        float_constant(f"{op.output}/merged_bias", bias * factors + shift),
    ]
    merged = replace(
        source,
        inputs=(source.inputs[0], *(each.name for each in added)),
        output=op.output,
        fused=op.fused,
    )
    ops = [merged if each is source else each for each in graph.ops if each is not op]
    return graph.rewired(ops, added=added)


def _goes_behind(graph: Graph, op: Op) -> bool:
    """Whether factors, without terms, are read by nothing but convolutions, which take them up."""
    readers = graph.consumers(op.output)
    is_linear = op.fused is Fused.NONE and not graph.data(op.inputs[2]).any()
    are_convolutions = all(reader.kind in CONVOLUTIONS for reader in readers)
    return is_linear and bool(readers) and are_convolutions and op.output != graph.output


def _merged_behind(graph: Graph, op: Op) -> Graph:
    factors = graph.data(op.inputs[1]).reshape(-1)
    ops, added = [], []
    for each in graph.ops:
        if each is op:
            continue
        if op.output in each.inputs:
            weights = graph.data(each.inputs[1]) * at_inputs(graph, each, factors)
            scaled = float_constant(f"{each.inputs[1]}/merged_factors", weights)
            added.append(scaled)
            each = replace(each, inputs=(op.inputs[0], scaled.name, each.inputs[2]))
        ops.append(each)
    return graph.rewired(ops, added=added)
