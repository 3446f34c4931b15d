"""Rewrites a ReLU with another maximum as a ReLU6 in other units.

relu(min(x, m)) is m / 6 * relu6(6 / m * x). The first factor goes into the weights of the layer in
front, and `hard_swish` moves the second into those of the layers behind, so that nothing is left of
either where there are such layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from strop.export.ir.graph import LINEAR, RELU6_LIMIT, Fused, Graph, Kind, Op, float_constant


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limited:
    """A ReLU with a maximum, as it was read.

    Attributes:
        source: What it is computed of.
        output: Its result.
        limit: The maximum, > 0.
        ops: The operations that it is made of.
    """

    source: str
    output: str
    limit: float
    ops: tuple[Op, ...]


def fold_limits(graph: Graph) -> Graph:
    """Replace every ReLU behind a minimum by a constant, or in front of one.

    Args:
        graph: A float graph, its minima written as `read_limits` writes them.

    Returns:
        The same function.
    """
    for op in graph.ops:
        found = _found(graph, op)
        if found is not None:
            return fold_limits(_in_other_units(graph, found))
    return graph


def _found(graph: Graph, minimum: Op) -> _Limited | None:
    above = graph.producer(minimum.inputs[-1])
    if above is None or minimum.kind is not Kind.SUB or above.kind is not Kind.SUB:
        return None
    if above.fused is not Fused.RELU or above.inputs[0] != minimum.inputs[0]:
        return None
    limit = graph.tensors[above.inputs[1]].data
    if limit is None or limit.size != 1 or limit.item() <= 0:
        return None
    image, value = minimum.inputs[0], limit.item()
    readers = graph.consumers(minimum.output)
    if len(readers) == 1 and readers[0].kind is Kind.RELU and minimum.output != graph.output:
        ops: tuple[Op, ...] = (above, minimum, readers[0])
        return _Limited(source=image, output=readers[0].output, limit=value, ops=ops)
    relu = graph.producer(image)
    if relu is not None and relu.kind is Kind.RELU and image != graph.output:
        is_alone = set(graph.consumers(image)) == {above, minimum}
        ops = (above, minimum, relu) if is_alone else (above, minimum)
        return _Limited(source=relu.inputs[0], output=minimum.output, limit=value, ops=ops)
    return None


def _in_other_units(graph: Graph, found: _Limited) -> Graph:
    factor = RELU6_LIMIT / found.limit
    up = float_constant(f"{found.output}/units", np.array(factor))
    down = float_constant(f"{found.output}/per_unit", np.array(1 / factor))
    shape = graph.tensors[found.output]
    scaled = replace(shape, name=f"{found.output}/scaled")
    limited = replace(shape, name=f"{found.output}/limited")
    new = [
        Op(kind=Kind.MUL, inputs=(found.source, up.name), output=scaled.name),
        Op(kind=Kind.RELU6, inputs=(scaled.name,), output=limited.name),
        Op(kind=Kind.MUL, inputs=(limited.name, down.name), output=found.output),
    ]
    ops = [
        step
        for op in graph.ops
        if op not in found.ops or op.output == found.output
        for step in (new if op.output == found.output else [op])
    ]
    return _absorbed(graph.rewired(ops, added=[up, down, scaled, limited]), new[0], factor)


def _absorbed(graph: Graph, product: Op, factor: float) -> Graph:
    """Multiply the weights and the bias of the layer in front by the factor."""
    source = product.inputs[0]
    layer = graph.producer(source)
    is_shared = source == graph.output or graph.consumers(source) != (product,)
    if layer is None or layer.kind not in LINEAR or layer.fused is Fused.RELU6 or is_shared:
        return graph
    constants = [
        float_constant(f"{name}/{product.output}", graph.data(name).astype(np.float64) * factor)
        for name in layer.inputs[1:]
    ]
    names = (layer.inputs[0], *(constant.name for constant in constants))
    # A ReLU of its own is one more than the ReLU6 behind it.
    scaled = replace(layer, inputs=names, output=product.output, fused=Fused.NONE)
    ops = [scaled if op is layer else op for op in graph.ops if op is not product]
    return graph.rewired(ops, added=constants)
