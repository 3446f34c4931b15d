"""Fuses RELU and RELU6 into the operation in front of them.

XNNPACK has none of them in int8 by themselves. One that others read without it as well is
computed twice, if that is a sum or a product; behind all else stands a product with 1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from strop.export.ir.graph import ELEMENTWISE, LINEAR, Fused, Graph, Kind, Op, float_constant

STANDALONE = {Kind.RELU: Fused.RELU, Kind.RELU6: Fused.RELU6}
FUSING = LINEAR | ELEMENTWISE
JOINING = frozenset({Kind.CONCATENATION})


def fuse_activations(graph: Graph) -> Graph:
    """Fuse every activation on its own with what it reads, or with an operation for it.

    Args:
        graph: A float graph.

    Returns:
        The same function, without RELU and RELU6.
    """
    return _with_fused_copies(_fused_where_alone(graph))


def _with_fused_copies(graph: Graph) -> Graph:
    """Add operations for activations whose operand cannot have them fused."""
    ops: list[Op] = []
    added = []
    for op in graph.ops:
        if op.kind not in STANDALONE:
            ops.append(op)
            continue
        source = graph.producer(op.inputs[0])
        if source is None or source.kind not in ELEMENTWISE or source.fused is not Fused.NONE:
            one = float_constant(f"{op.output}/one", np.array(1.0))
            added.append(one)
            source = Op(kind=Kind.MUL, inputs=(op.inputs[0], one.name), output=op.output)
        ops.append(replace(source, fused=STANDALONE[op.kind], output=op.output))
    return graph.rewired(ops, added=added)


def _fused_where_alone(graph: Graph) -> Graph:
    """Fuse every activation with what it reads, if only it reads it."""
    graph = _activate_before_joining(graph)
    for activation in graph.ops:
        source = _source(graph, activation, FUSING)
        if source is not None:
            fused = replace(source, fused=STANDALONE[activation.kind], output=activation.output)
            ops = [fused if op is source else op for op in graph.ops if op is not activation]
            return _fused_where_alone(graph.rewired(ops))
    return graph


def _activate_before_joining(graph: Graph) -> Graph:
    """Move a concatenation's activation to its parts, if all of them can have it fused."""
    for activation in graph.ops:
        joined = _source(graph, activation, JOINING)
        if joined is None:
            continue
        parts = [
            replace(activation, inputs=(name,), output=f"{activation.output}/{at}")
            for at, name in enumerate(joined.inputs)
        ]
        is_twice = len(set(joined.inputs)) < len(joined.inputs)
        if is_twice or not all(_source(graph, part, FUSING) for part in parts):
            continue
        results = [
            replace(graph.tensors[name], name=part.output)
            for name, part in zip(joined.inputs, parts, strict=True)
        ]
        names = tuple(result.name for result in results)
        new = [*parts, replace(joined, inputs=names, output=activation.output)]
        ops = [
            step
            for op in graph.ops
            if op is not activation
            for step in (new if op is joined else [op])
        ]
        return _activate_before_joining(graph.rewired(ops, added=results))
    return graph


def _source(graph: Graph, activation: Op, kinds: Collection[Kind]) -> Op | None:
    """Return the operation that an activation can be fused with, if it is of these kinds."""
    source = graph.producer(activation.inputs[0])
    if activation.kind not in STANDALONE or source is None or source.kind not in kinds:
        return None
    is_shared = len(graph.consumers(source.output)) > 1 or source.output == graph.output
    return None if is_shared or source.fused is not Fused.NONE else source
