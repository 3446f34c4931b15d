"""Removes the RESHAPE operations that a graph does not need.

A gate of dense layers is reshaped from [1, 1, 1, C] to [1, C] for its sigmoid, and back for its
product; the sigmoid does not care.
"""

from __future__ import annotations

from dataclasses import replace

from strop.export.ir.graph import Graph, Kind, Op

# They compute every value by itself.
SINGLE = frozenset({Kind.LOGISTIC, Kind.TANH, Kind.HARD_SWISH, Kind.RELU, Kind.RELU6, Kind.ELU})


def merge_reshapes(graph: Graph) -> Graph:
    """Join reshapes of reshapes, and drop those that change no shape.

    Args:
        graph: Any graph whose activations keep the batch in front, so that values stay in their
            order through a RESHAPE.

    Returns:
        The same function. A result of the graph that was only reshaped to its own shape is
        given by the operation before.
    """
    alias: dict[str, str] = {}
    source: dict[str, str] = {}
    ops: list[Op] = []
    for op in graph.ops:
        inputs = tuple(alias.get(name, name) for name in op.inputs)
        if op.kind is Kind.RESHAPE and not graph.is_constant(inputs[0]):
            first = source.get(inputs[0], inputs[0])
            if graph.tensors[first].shape == graph.tensors[op.output].shape:
                alias[op.output] = first
                continue
            source[op.output] = first
            inputs = (first,)
        ops.append(replace(op, inputs=inputs))
    output = alias.get(graph.output, graph.output)
    return graph.rewired(_read(ops, output), output=output)


def sink_reshapes(graph: Graph) -> Graph:
    """Let operations on single values come before a RESHAPE that they read, and merge these.

    Args:
        graph: Any graph whose activations keep the batch in front.

    Returns:
        The same function.
    """
    for at, op in enumerate(graph.ops):
        before = graph.producer(op.inputs[0])
        if op.kind not in SINGLE or before is None or before.kind is not Kind.RESHAPE:
            continue
        source = before.inputs[0]
        result = replace(
            graph.tensors[op.output],
            name=f"{op.output}/before_reshape",
            shape=graph.tensors[source].shape,
        )
        moved = replace(op, inputs=(source,), output=result.name)
        reshape = Op(kind=Kind.RESHAPE, inputs=(result.name,), output=op.output)
        ops = [*graph.ops[:at], moved, reshape, *graph.ops[at + 1 :]]
        return sink_reshapes(merge_reshapes(graph.rewired(ops, added=[result])))
    return graph


def _read(ops: list[Op], output: str) -> list[Op]:
    """Return the operations, without reshapes that nothing reads."""
    read = {name for op in ops for name in op.inputs} | {output}
    return [op for op in ops if op.kind is not Kind.RESHAPE or op.output in read]
