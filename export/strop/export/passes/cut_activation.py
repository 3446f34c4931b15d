"""Takes softmax, sigmoid and division by its length off the ends of a float graph."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from strop.export.ir.execute import execute
from strop.export.ir.graph import Graph, Kind, Op
from strop.export.ir.outputs import output_names, with_outputs
from strop.runtime.artifact.contract import Activation

FINAL_ACTIVATIONS = {Kind.SOFTMAX: Activation.SOFTMAX, Kind.LOGISTIC: Activation.SIGMOID}
ENDS_OF_DIVISIONS = (Kind.FLOAT, Kind.MUL)
MOST_OPERATIONS = 8  # that a division by the length is written in
PROBES, SEED = 8, 0
RELATIVE = 1e-4  # what a reciprocal square root may miss


def cut_activation(graph: Graph) -> tuple[Graph, Activation]:
    """Take the last softmax, sigmoid or division by the length off, and say which it was.

    The first two are monotone, the last one keeps the direction; they cost int8 its resolution (a
    fixed scale of 1/256 makes ties of the small scores), and the runtime applies them to a
    thousand floats in microseconds.
    """
    last = graph.ops[-1] if graph.ops else None
    if last is None or last.output != graph.output:
        return graph, Activation.NONE
    if last.kind in FINAL_ACTIVATIONS:
        cut = graph.rewired(graph.ops[:-1], output=last.inputs[0])
        return cut, FINAL_ACTIVATIONS[last.kind]
    vector = _divided_vector(graph) if last.kind in ENDS_OF_DIVISIONS else None
    if vector is None:
        return graph, Activation.NONE
    return graph.rewired(_needed(graph, {vector}), output=vector), Activation.L2


def cut_activations(graph: Graph) -> tuple[Graph, tuple[Activation, ...]]:
    """Do the same at every output, in their order; one that is read inside the graph stays."""
    ends, activations = [], []
    for name in output_names(graph):
        found = Activation.NONE
        if all(op.kind is Kind.OUTPUTS for op in graph.consumers(name)):
            alone, found = cut_activation(graph.rewired(_needed(graph, {name}), output=name))
            name = alone.output
        ends.append(name)
        activations.append(found)
    needed = graph.rewired(_needed(graph, set(ends)), output=ends[0])
    return with_outputs(needed, ends), tuple(activations)


def _divided_vector(graph: Graph) -> str | None:
    """Name the vector whose division by its length is the graph's output; None without one.

    It can be written in many ways, so that it is known by what it does: the operations behind a
    vector divide some random ones by their lengths.
    """
    shape = graph.tensors[graph.output].shape
    if len(shape) != 2:  # batch and numbers
        return None
    for op in graph.ops[-2 : -2 - MOST_OPERATIONS : -1]:
        if graph.tensors[op.output].shape == shape and _divides(graph, op.output):
            return op.output
    return None


def _divides(graph: Graph, vector: str) -> bool:
    kept = {op.output for op in _needed(graph, {vector})}
    behind = tuple(op for op in graph.ops if op.output not in kept)
    known = {vector, *(op.output for op in behind)}
    if any(
        name not in known and not graph.is_constant(name) for op in behind for name in op.inputs
    ):
        return False
    tail = replace(graph.rewired(behind), input=vector)
    vectors = np.random.default_rng(SEED).normal(size=(PROBES, *graph.tensors[vector].shape[1:]))
    found = execute(tail, vectors.astype(np.float32))
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return bool(np.allclose(found, expected, rtol=RELATIVE, atol=RELATIVE))


def _needed(graph: Graph, names: Collection[str]) -> tuple[Op, ...]:
    """Return the operations that tensors are computed by, in their order."""
    needed, kept = set(names), []
    for op in reversed(graph.ops):
        if op.output in needed:
            needed.update(op.inputs)
            kept.append(op)
    return tuple(reversed(kept))
