"""Finds which results share a scale with their operands, and which have a fixed one.

Where both meet, as in the concatenation of a sigmoid (fixed to 0..1) with something that takes
other values, all parts would have to make do with the fixed scale: a product with 1 comes
between, whose result has a scale of its own.
"""

from __future__ import annotations

import numpy as np

from strop.export.ir.graph import Graph, Kind, Op, QuantParams, Tensor, float_constant, renamed

# The TFLite quantization specification fixes these outputs.
FIXED = {
    Kind.LOGISTIC: QuantParams(scales=(1 / 256,), zero_point=-128),
    Kind.SOFTMAX: QuantParams(scales=(1 / 256,), zero_point=-128),
    Kind.TANH: QuantParams(scales=(1 / 128,), zero_point=0),
}
# Their kernels copy codes, so that what goes in and what comes out share scale and zero point.
SHARING = frozenset(
    {
        Kind.PAD,
        Kind.RESHAPE,
        Kind.MAX_POOL,
        Kind.AVERAGE_POOL,
        Kind.BILINEAR,
        Kind.CONCATENATION,
        Kind.SLICE,
        Kind.CROP,
        Kind.SHUFFLE,
        Kind.TRANSPOSE,
    }
)


def sharing_groups(graph: Graph) -> list[list[str]]:
    """Group all activations that share one scale."""
    return graph.joined_by(lambda op: op.inputs if op.kind in SHARING else ())


def free_fixed_scales(graph: Graph) -> Graph:
    """Put a product with 1 behind each fixed scale that would be forced on other values.

    Args:
        graph: A float graph.

    Returns:
        The same function, to the last bit.
    """
    fixed = {graph.input: graph.input} | {
        op.output: op.kind.value for op in graph.ops if op.kind in FIXED
    }
    for group in sharing_groups(graph):
        sources = [name for name in group if _is_source(graph, name)]
        if len({fixed.get(name) for name in sources}) > 1:
            for name in fixed.keys() & set(sources):
                graph = _with_product(graph, name)
    return graph


def _is_source(graph: Graph, name: str) -> bool:
    producer = graph.producer(name)
    return producer is None or producer.kind not in SHARING


def _with_product(graph: Graph, name: str) -> Graph:
    """Let what shares a scale with `name` read `name` times 1 instead."""
    one = float_constant(f"{name}/one", np.array(1.0))
    product = Tensor(name=f"{name}/own_scale", shape=graph.tensors[name].shape)
    times = Op(kind=Kind.MUL, inputs=(name, one.name), output=product.name)
    ops = [
        renamed(op, name, product.name) if op.kind in SHARING and name in op.inputs else op
        for op in graph.ops
    ]
    at = next((i + 1 for i, op in enumerate(ops) if op.output == name), 0)
    return graph.rewired([*ops[:at], times, *ops[at:]], added=(one, product))
