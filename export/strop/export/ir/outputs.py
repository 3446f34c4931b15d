"""Several outputs of a graph, side by side in one row: an operation that no file has.

A graph has one output for all steps between model and files. Of a model with several, or with a
map, it is the row that OUTPUTS makes of them, each flattened, in their order; the files have them
apart, in their own shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from strop.export.ir.graph import Graph, Kind, Op, Tensor
from strop.runtime.classify.decision import is_row

ROW = "outputs"  # name of the tensor that OUTPUTS makes


def with_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    """Return the graph with these tensors for its outputs; of several, or a map, behind OUTPUTS."""
    bare = tuple(op for op in graph.ops if op.kind is not Kind.OUTPUTS)
    if len(names) == 1 and is_row(graph.tensors[names[0]].shape[1:]):
        return graph.rewired(bare, output=names[0])
    size = sum(prod(graph.tensors[name].shape[1:]) for name in names)
    row = Tensor(name=ROW, shape=(1, size))
    join = Op(kind=Kind.OUTPUTS, inputs=tuple(names), output=ROW)
    return graph.rewired((*bare, join), added=[row], output=ROW)


def output_names(graph: Graph) -> tuple[str, ...]:
    """Return the tensors that a file of the graph has for outputs, in their order."""
    last = graph.ops[-1] if graph.ops else None
    if last is not None and last.kind is Kind.OUTPUTS:
        return last.inputs
    return (graph.output,)


def output_columns(graph: Graph) -> tuple[slice, ...]:
    """Return where in a row of the graph's output each of them stands."""
    found, first = [], 0
    for name in output_names(graph):
        size = prod(graph.tensors[name].shape[1:])
        found.append(slice(first, first + size))
        first += size
    return tuple(found)


def expand_outputs(graph: Graph) -> Graph:
    """Write an OUTPUTS as RESHAPEs and a CONCATENATION, for a file that is to make the row."""
    last = next((op for op in graph.ops if op.kind is Kind.OUTPUTS), None)
    if last is None:
        return graph
    flat = [
        Tensor(name=f"{last.output}/{place}", shape=(1, prod(graph.tensors[name].shape[1:])))
        for place, name in enumerate(last.inputs)
    ]
    ops = [
        Op(kind=Kind.RESHAPE, inputs=(name,), output=tensor.name)
        for name, tensor in zip(last.inputs, flat, strict=True)
    ]
    join = replace(
        last, kind=Kind.CONCATENATION, inputs=tuple(tensor.name for tensor in flat), axis=1
    )
    bare = [op for op in graph.ops if op is not last]
    return graph.rewired([*bare, *ops, join], added=flat)
